"""The garbage collector: whether it runs, how often, and what it tells or keeps for debugging.

What has been frozen is no matter: that only says which objects are looked at.
"""

from __future__ import annotations

import gc
from typing import Any

from isolane.model.state import Level
from isolane.process_state.slots import Slot, ValuesKind


class GarbageCollectorKind(ValuesKind):
    """``gc.isenabled``, ``gc.get_threshold``, ``gc.get_debug``."""

    name = "gc"

    def __init__(self) -> None:
        self.slots = (
            Slot("gc.isenabled", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
            Slot("gc.get_threshold", gc.get_threshold, lambda thresholds: gc.set_threshold(*thresholds)),
            Slot("gc.get_debug", gc.get_debug, gc.set_debug),
        )

    def level(self, slot: Slot, before: Any, after: Any) -> Level:  # noqa: ARG002
        """Return suspect: it matters to tests that count objects or wait for one to go."""
        return Level.SUSPECT
