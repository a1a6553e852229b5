"""Functions registered to run when the process ends.

Python has no list of them, and their number (``atexit._ncallbacks``) does not tell that one was unregistered. But
``atexit.unregister`` compares what it is given with each of them, and an object that is equal to none gets to see all.
"""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs
from isolane.process_state.origins import is_library
from isolane.process_state.slots import name_of


class AtExitSnapshot(NamedTuple):
    """What they are, by address and name: nothing that keeps one alive."""

    addresses: tuple[int, ...]
    handlers: tuple[tuple[int, str, bool], ...]
    """Address, name, and whether it is a library's."""


class AtExitKind:
    """The handlers of :mod:`atexit`, those registered more than once as often.

    Libraries register theirs when they are imported, whenever that is: nobody notices before the end.
    """

    name = "atexit"

    def __init__(self) -> None:
        self._last = AtExitSnapshot((), ())

    def snapshot(self) -> AtExitSnapshot:
        """Look at all, a tenth of a microsecond each; ask for names only when one came or went."""
        handlers = _handlers()
        addresses = tuple(map(id, handlers))
        if addresses != self._last.addresses:
            self._last = AtExitSnapshot(addresses, tuple(map(_told, handlers)))
        return self._last

    def signs(self) -> Signs:
        """Return where they are."""
        return Signs(values=(lambda: [*map(id, _handlers())],))

    def diff(self, before: AtExitSnapshot, after: AtExitSnapshot) -> list[Change]:
        """Return a change a handler that came, or went."""
        if before is after:
            return []
        came, went = _without(after, before), _without(before, after)
        return [
            Change(self.name, name, None, "registered", Level.HARMLESS if library else Level.SUSPECT)
            for _, name, library in came
        ] + [Change(self.name, name, "registered", None) for _, name, _ in went]

    def rebase(self, pending: AtExitSnapshot, before: AtExitSnapshot, after: AtExitSnapshot) -> AtExitSnapshot:
        """Add what came, remove what went."""
        if before is after:
            return pending
        went = _without(before, after)
        handlers = (*(handler for handler in pending.handlers if handler not in went), *_without(after, before))
        return AtExitSnapshot(tuple(address for address, _, _ in handlers), handlers)

    def restore(self, before: AtExitSnapshot) -> None:
        """Unregister what came. What went is gone with its arguments."""
        known = {address for address, _, _ in before.handlers}
        for handler in _handlers():
            # One that is registered already would go altogether, and with it arguments that nobody knows.
            if id(handler) not in known and not _told(handler)[2]:
                with suppress(Exception):
                    atexit.unregister(handler)
        left = [name for _, name, _ in _without(before, self.snapshot())]
        if left:
            raise RestoreError(
                "atexit-gone",
                f"no longer registered with atexit, and not to be had back: {', '.join(left)}.",
                "Let the test register, and unregister, functions of its own.",
            )


_seen: list[Callable[..., Any]] = []


class _Watcher:
    """Equal to nothing, and remembers what it was compared with: ``append`` is called as it is, and returns None."""

    __eq__ = _seen.append  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


_WATCHER: Any = _Watcher()


def _handlers() -> list[Callable[..., Any]]:
    with suppress(Exception):  # A handler that will not be compared ends the walk: those behind it are not seen.
        atexit.unregister(_WATCHER)
    handlers = _seen.copy()
    _seen.clear()
    return handlers


def _told(handler: Callable[..., Any]) -> tuple[int, str, bool]:
    try:
        return id(handler), name_of(handler) or "None", is_library(handler)
    except Exception:  # noqa: BLE001  # a weak proxy whose object is gone, or one that answers nobody's questions
        return id(handler), f"{name_of(type(handler))} object", False


def _without(first: AtExitSnapshot, second: AtExitSnapshot) -> list[tuple[int, str, bool]]:
    """Return what the first has more of than the second."""
    left = list(second.handlers)
    more = []
    for handler in first.handlers:
        if handler in left:
            left.remove(handler)
        else:
            more.append(handler)
    return more
