"""The standard streams: ``sys.stdin``, ``sys.stdout``, ``sys.stderr``, and the originals Python keeps of them."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from isolane.model.state import Plain
from isolane.process_state.base import RestoreError
from isolane.process_state.places import module_of
from isolane.process_state.slots import Slot, SlotsKind, Values, attribute_slot, name_of

_NAMES = ("stdin", "stdout", "stderr")
_OUTPUT = ("sys.stdout", "sys.stderr")


class StreamsKind(SlotsKind):
    """Which objects the streams are, and whether they can still be used.

    pytest's capture puts its own in the place of the two output streams, and takes them away, with each phase of
    a test: an exchange among these and those of the process is not a test's doing. It never does so with stdin.
    """

    name = "streams"

    def __init__(self) -> None:
        streams = (*_NAMES, *(f"__{name}__" for name in _NAMES))
        closed = (Slot(f"sys.{name} closed", partial(_is_closed, name), partial(_refuse, name)) for name in _NAMES)
        self.slots = (*(attribute_slot(sys, name) for name in streams), *closed)
        self._of_process: list[Any] = []
        self._remember()

    def snapshot(self) -> Values:
        """Read the six streams, and whether the first three are closed."""
        if len(self._of_process) == 2:
            self._remember()  # A worker may have got its streams after its kinds.
        return super().snapshot()

    def same(self, slot: Slot, before: Any, after: Any) -> bool:
        """Whether it is the same object, or pytest's doing."""
        return before is after or (slot.name in _OUTPUT and self._is_capture(before) and self._is_capture(after))

    def describe(self, slot: Slot, value: Any) -> Plain:  # noqa: ARG002
        """Return the class of a stream; for whether one is closed, that."""
        return value if isinstance(value, bool) else name_of(value)

    def _remember(self) -> None:
        self._of_process += [sys.stdout, sys.stderr]

    def _is_capture(self, stream: Any) -> bool:
        """Whether it is one of pytest's, or one that pytest puts back when it stops to capture."""
        if any(stream is own for own in (*self._of_process, sys.__stdout__, sys.__stderr__)):
            return True
        return module_of(type(stream)).startswith("_pytest.")


def _is_closed(name: str) -> bool:
    try:
        return bool(getattr(getattr(sys, name, None), "closed", False))
    except Exception:  # noqa: BLE001  # a stream without its buffer raises, and is of no more use than a closed one
        return True


def _refuse(name: str, closed: bool) -> None:
    if not closed:
        raise RestoreError(
            "stream-closed",
            f"sys.{name} was closed, or lost its buffer, and cannot be opened again.",
            "Let the test close or detach a stream of its own.",
        )
