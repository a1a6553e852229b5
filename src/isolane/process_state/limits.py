"""What the interpreter allows: how deep calls may go, how long a thread runs, how long a number may be as text."""

from __future__ import annotations

import sys
from typing import Any

from isolane.model.state import Level
from isolane.process_state.slots import Slot, ValuesKind


class LimitsKind(ValuesKind):
    """``sys.getrecursionlimit``, ``sys.getswitchinterval``, ``sys.get_int_max_str_digits``."""

    name = "limits"

    def __init__(self) -> None:
        self.slots = (
            Slot("sys.getrecursionlimit", sys.getrecursionlimit, sys.setrecursionlimit),
            Slot("sys.getswitchinterval", sys.getswitchinterval, sys.setswitchinterval),
        )
        if hasattr(sys, "get_int_max_str_digits"):  # not in the first releases of Python 3.10
            self.slots += (Slot("sys.get_int_max_str_digits", sys.get_int_max_str_digits, sys.set_int_max_str_digits),)

    def level(self, slot: Slot, before: Any, after: Any) -> Level:  # noqa: ARG002
        """Return suspect: it matters to tests that come near a limit."""
        return Level.SUSPECT
