"""Patches of ``unittest.mock`` that were started and never stopped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ReferenceType, ref

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs, Unsure
from isolane.process_state.slots import name_of

_LIBRARIES = ("unittest.mock", "mock.mock")
"""Python's own, and the same from the package index. Neither is imported for looking."""


class Patches(NamedTuple):
    """The patches that are active, in the order of their start, and what they are called."""

    active: tuple[ReferenceType[Any], ...]
    names: tuple[str, ...]


_NONE = Patches((), ())


class MockPatchesKind:
    """What ``patcher.start()`` has put in place. A patch made by ``with`` or a decorator ends with it by itself."""

    name = "mock_patches"

    def __init__(self) -> None:
        self._last = _NONE

    def snapshot(self) -> Patches:
        """Refer to every active patch, weakly; give names to them when one was started or stopped."""
        patches = _active()
        if not patches:
            return _NONE
        active = tuple(map(ref, patches))
        if active != self._last.active:
            self._last = Patches(active, tuple(map(_target, patches)))
        return self._last

    def signs(self) -> Signs:
        """Return whether there are none."""
        return Signs(values=(lambda: Unsure() if _active() else None,))

    def diff(self, before: Patches, after: Patches) -> list[Change]:
        """Return a change a patch that is still there, and one a patch of others' that was stopped."""
        if before is after:
            return []
        return [Change(self.name, name, *_told(patch)) for patch, name in _without(after, before)] + [
            Change(self.name, name, "patched", None) for _, name in _without(before, after)
        ]

    def rebase(self, pending: Patches, before: Patches, after: Patches) -> Patches:
        """Add the patches that were started, remove those that were stopped."""
        if before is after:
            return pending
        stopped = {id(patch) for patch, _ in _without(before, after)}
        patches = [(patch, name) for patch, name in zip(*pending, strict=True) if id(patch) not in stopped]
        patches += _without(after, before)
        return Patches(tuple(patch for patch, _ in patches), tuple(name for _, name in patches))

    def restore(self, before: Patches) -> None:
        """Stop what was started, the last first. What was stopped is not started again: that would be another mock."""
        left = []
        for reference, name in reversed(_without(self.snapshot(), before)):
            try:
                patch = reference()
                if patch is not None:
                    patch.stop()
            except Exception:  # noqa: BLE001  # its target has gone, or will not be set
                left.append(name)
        left += [name for _, name in _without(before, self.snapshot())]
        if left:
            raise RestoreError(
                "mock-gone",
                f"cannot be patched, or unpatched, as it was: {', '.join(left)}.",
                "Let the test stop its own patches only, not all: addCleanup(patcher.stop) rather than stopall().",
            )


def _active() -> Sequence[Any]:
    """Return the patches of every library of mocks that is loaded; whatever a test made of it, this does not fail."""
    patches: list[Any] = []
    for library in _LIBRARIES:
        module = sys.modules.get(library)
        if module is not None:
            started = getattr(getattr(module, "_patch", None), "_active_patches", None)
            if started and type(started) is list:
                patches += started
    return patches


def _target(patch: Any) -> str:
    """Return what is patched: ``os.getcwd``; of a dictionary, what names it."""
    dictionary = getattr(patch, "in_dict", None)
    if dictionary is not None:
        return "a dictionary" if isinstance(dictionary, dict) else str(name_of(dictionary))
    target = getattr(patch, "target", None)
    name = getattr(target, "__name__", None)
    if isinstance(target, type):
        name = name_of(target)
    return f"{name if isinstance(name, str) else name_of(target)}.{getattr(patch, 'attribute', '?')}"


def _told(reference: ReferenceType[Any]) -> tuple[str | None, str]:
    patch = reference()
    original = getattr(patch, "temp_original", None)
    return None if original is None else name_of(original), "patched"


def _without(first: Patches, second: Patches) -> list[tuple[ReferenceType[Any], str]]:
    """Return the patches of the first that are not in the second."""
    known = set(map(id, second.active))
    return [(patch, name) for patch, name in zip(*first, strict=True) if id(patch) not in known]
