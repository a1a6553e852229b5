"""The shared generators of random numbers, seeded for one test and put back after it."""

from __future__ import annotations

import random
import sys
import zlib
from importlib import import_module
from typing import Any, NamedTuple


class States(NamedTuple):
    """Of ``random`` and of ``numpy.random``; the latter is ``None`` where numpy is not imported."""

    python: Any
    numpy: Any


class SeededRandom:
    """Both generators, seeded; numpy's only if numpy is imported by now. seed: from 0 to 2^32 - 1, as numpy wants."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._before = self._kept = _states()
        random.seed(seed)
        if self._before.numpy is not None:
            _numpys().seed(seed)

    def keep(self) -> None:
        """Remember how far they have come."""
        self._kept = _states()

    def resume(self) -> None:
        """Go on from there, whoever has seeded them meanwhile (pytest-randomly does, before a test's body)."""
        _put(self._kept)

    def restore(self) -> None:
        """Make the states what they were before."""
        _put(self._before)


def seed_of(node_id: str) -> int:
    """Return a test's seed: always the same, on every machine, and another for nearly every other test."""
    return zlib.crc32(node_id.encode("utf-8", "surrogatepass"))


def _states() -> States:
    return States(random.getstate(), _numpys().get_state() if sys.modules.get("numpy") is not None else None)


def _put(states: States) -> None:
    random.setstate(states.python)
    if states.numpy is not None:
        _numpys().set_state(states.numpy)


def _numpys() -> Any:
    return import_module("numpy.random")
