"""Functions that Python calls at certain moments: for errors nobody caught, for results, breakpoints, each line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

from isolane.model.state import Level
from isolane.process_state.base import RestoreError
from isolane.process_state.slots import Slot, SlotsKind, attribute_slot, package_of

_MEASURING = ("coverage", "pydevd", "_pydevd_bundle", "_pydevd_frame_eval", "bdb", "pdb", "_pytest")
"""Packages that follow a run from outside, and that start and stop as they like: coverage and debuggers."""


class HooksKind(SlotsKind):
    """Exception, display and breakpoint hooks, trace and profile functions, and the tools of ``sys.monitoring``."""

    name = "hooks"

    def __init__(self) -> None:
        following = tuple(_following_slots())
        self._following = frozenset(slot.name for slot in following)
        self.slots = (
            *(attribute_slot(sys, hook) for hook in ("excepthook", "displayhook", "unraisablehook", "breakpointhook")),
            attribute_slot(threading, "excepthook"),
            *following,
        )

    def same(self, slot: Slot, before: Any, after: Any) -> bool:
        """Whether it is the same function, or the new one is pytest's, coverage's or a debugger's own."""
        if before is after:
            return True
        if slot.name in self._following:
            return _is_measuring(after) or (isinstance(after, str) and before == after)
        return package_of(before) == package_of(after) == "_pytest"

    def level(self, slot: Slot, before: Any, after: Any) -> Level:
        """Return harmless where only coverage or a debugger has ended: no test sees that."""
        ended = slot.name in self._following and after is None and _is_measuring(before)
        return Level.HARMLESS if ended else Level.DANGEROUS

    def describe(self, slot: Slot, value: Any) -> Any:
        """Return the function's name, or the tool's."""
        return value if isinstance(value, str) else super().describe(slot, value)


def _following_slots() -> Iterator[Slot]:
    """Yield the slots of those who follow a run step by step."""
    yield Slot("sys.settrace", sys.gettrace, sys.settrace)
    yield Slot("sys.setprofile", sys.getprofile, sys.setprofile)
    # Through the functions, since the attributes behind them are not documented.
    yield Slot("threading.settrace", threading.gettrace, threading.settrace)
    yield Slot("threading.setprofile", threading.getprofile, threading.setprofile)
    monitoring: Any = getattr(sys, "monitoring", None)  # From Python 3.12 on.
    for number in range(6) if monitoring else ():
        yield Slot(
            f"sys.monitoring tool {number}",
            partial(monitoring.get_tool, number),
            partial(_put_tool, monitoring, number),
        )


def _is_measuring(value: Any) -> bool:
    return (value.partition(".")[0] if isinstance(value, str) else package_of(value)) in _MEASURING


def _put_tool(monitoring: Any, number: int, name: str | None) -> None:
    if monitoring.get_tool(number) is not None:
        monitoring.set_events(number, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(number)
    if name is not None:
        raise RestoreError("tool-gone", f"tool {number} of sys.monitoring, {name}, has gone with what it listened to.")
