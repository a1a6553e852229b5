"""The generators of random numbers that everybody shares: those of ``random`` and of ``numpy.random``.

To use one is no leak, although it moves its state: nobody knows what comes next, before or after. To seed one is:
from then on every test gets numbers that depend on who was there before it. So where a state has changed, the
question is whether it can have come about by drawing numbers. Both generators are Mersenne Twisters, which make 624
numbers at a time out of the last 624; the one before is run ahead until it meets the one after, or has made more
numbers than a test draws in that time. A test that draws still more is taken for one that seeds, and so is one that
seeds with nothing, from the operating system: what it was seeded with a state does not tell.
"""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from isolane.model.clock import Clock, SystemClock
from isolane.model.state import Change, Level
from isolane.process_state.glance import Signs

_WORDS = 624
_BLOCK_BYTES = 4 * _WORDS
_FORMAT = f"={_WORDS + 1}I"
"""A state as it is kept here: the last 624 numbers, before they are tempered, and how many of them are used up."""
_STATE_BYTES = struct.calcsize(_FORMAT)
_FIRST_BLOCKS, _CHUNK_BLOCKS, _MOST_BLOCKS = 2, 158, 10_000
"""Run ahead for two blocks, where most tests are met, then up to 100,000 numbers in a millisecond, then further for
tests that have taken longer, but not for ever (6 million, 70 ms)."""
_BLOCKS_PER_SECOND = 8000
"""Of a test: 5 million numbers, 200 ns each, which is quick for Python. To run ahead takes a seventeenth of that."""
_NUMPYS_MODULE = "numpy.random.mtrand"

State = bytes | None


class RandomSnapshot(NamedTuple):
    """Both states, ``None`` for what is not looked at, and the number that ``random.gauss`` has in reserve."""

    python: State
    numpy: State
    reserve: float | None
    taken: float
    """When, in seconds of the monotonic clock."""


class RandomStateKind:
    """Both generators; numpy's only where numpy is imported.

    reseeded: whether something seeds them before each test anyway, so that nothing can be left behind; by default,
    whether pytest-randomly is loaded.
    """

    name = "random_state"

    def __init__(self, reseeded: bool | None = None, clock: Clock | None = None) -> None:
        self._reseeded = reseeded
        self._clock = clock or SystemClock()
        self._generator: Any = getattr(random.getstate, "__self__", None)
        self._read: Callable[[], State] | None = None
        self._bit_generator: Any = None
        self._address = 0

    def snapshot(self) -> RandomSnapshot:
        """Copy both states, in under a microsecond each."""
        if self._is_reseeded():
            return RandomSnapshot(None, None, None, 0.0)
        numpys = self._numpy_state() if "numpy" in sys.modules else None
        reserve = getattr(self._generator, "gauss_next", None)
        return RandomSnapshot(self._reader()(), numpys, reserve, self._clock.monotonic())

    def signs(self) -> Signs:
        """Return both states, and whether those modules are there that decide which of them count."""
        loaded = partial(_loaded, "pytest_randomly", "numpy")
        read = self._reader()
        if self._is_reseeded():
            return Signs(values=(loaded,))
        if "numpy" in sys.modules:
            return Signs(values=(loaded, read, self._numpy_state))
        return Signs(values=(loaded, read))

    def diff(self, before: RandomSnapshot, after: RandomSnapshot) -> list[Change]:
        """Return a change a generator: harmless if it was used, suspect if it was seeded."""
        return [
            Change(self.name, name, "where it was", "seeded", Level.SUSPECT)
            if _is_seeded(old, new, after.taken - before.taken)
            else Change(self.name, name, "where it was", "moved on", Level.HARMLESS)
            for name, old, new in (
                ("random", before.python, after.python),
                ("numpy.random", before.numpy, after.numpy),
            )
            if old is not None and new is not None and old != new
        ]

    def rebase(self, pending: RandomSnapshot, before: RandomSnapshot, after: RandomSnapshot) -> RandomSnapshot:
        """Take over a state that was seeded."""
        seconds = after.taken - before.taken
        python = after if _is_seeded(before.python, after.python, seconds) else pending
        numpys = after if _is_seeded(before.numpy, after.numpy, seconds) else pending
        return RandomSnapshot(python.python, numpys.numpy, python.reserve, pending.taken)

    def restore(self, before: RandomSnapshot) -> None:
        """Put back what was seeded. One that was used goes on from where it is: no two tests get the same numbers."""
        now = self.snapshot()
        seconds = now.taken - before.taken
        if before.python is not None and _is_seeded(before.python, now.python, seconds):
            self._generator.setstate((3, struct.unpack(_FORMAT, before.python), before.reserve))
        if before.numpy is not None and _is_seeded(before.numpy, now.numpy, seconds):
            _put_numpy(before.numpy)

    def _reader(self) -> Callable[[], State]:
        if self._read is None:
            self._read = _reader(self._generator)
        return self._read

    def _is_reseeded(self) -> bool:
        return self._reseeded or (self._reseeded is None and "pytest_randomly" in sys.modules)

    def _numpy_state(self) -> State:
        """Read the generator where it lies in memory, as numpy allows: to ask for its state takes 60 times as long."""
        try:
            import ctypes

            # Recent numpy loads this when it is used. By then it would be too late to see that a test seeds it.
            module: Any = sys.modules.get(_NUMPYS_MODULE) or import_module(_NUMPYS_MODULE)
            bit_generator = module._rand._bit_generator
            if bit_generator is not self._bit_generator:
                self._bit_generator = None
                if type(bit_generator).__name__ == "MT19937":
                    self._address = bit_generator.ctypes.state_address
                    self._bit_generator = bit_generator
            return ctypes.string_at(self._address, _STATE_BYTES) if self._bit_generator is not None else None
        except Exception:  # noqa: BLE001  # numpy is being imported, or is something else in this test
            return None


def _reader(generator: Any) -> Callable[[], State]:
    """Return what reads the state of the generator of ``random``.

    To ask for it makes 625 integers, 9 µs, and to compare them takes 5 more: a quarter of what all looks after a test
    may take. CPython has the very bytes in the object, behind what every object has. Where that is not so, which
    is tried out here, within the bounds of the object, the generator is asked.
    """

    def asked() -> bytes:
        return struct.pack(_FORMAT, *generator.getstate()[1])

    if not isinstance(generator, random.Random):
        return _not_looked_at
    if sys.implementation.name != "cpython" or random.Random.__base__ is None:
        return asked
    start = object.__basicsize__
    if random.Random.__base__.__basicsize__ < start + _STATE_BYTES:
        return asked
    try:
        from ctypes import string_at
    except ImportError:  # a Python built without it
        return asked
    address = id(generator) + start

    def looked_up() -> bytes:
        found = string_at(address, _STATE_BYTES)
        return found[4:] + found[:4]  # There, how many are used up comes first.

    return looked_up if looked_up() == asked() else asked


def _loaded(*modules: str) -> list[bool]:
    return [module in sys.modules for module in modules]


def _not_looked_at() -> None:
    return None


def _is_seeded(before: State, after: State, seconds: float) -> bool:
    """Return whether drawing as many numbers as one does in that time does not lead from one state to the other."""
    if before is None or after is None or before == after:
        return False
    *old, old_used = struct.unpack(_FORMAT, before)
    *new, new_used = struct.unpack(_FORMAT, after)
    if old == new:
        return bool(new_used < old_used)
    wanted = _made_of(new, used=0).randbytes(_BLOCK_BYTES)
    ahead = _made_of(old, used=_WORDS)
    most = min(_MOST_BLOCKS, max(_CHUNK_BLOCKS, int(seconds * _BLOCKS_PER_SECOND)))
    chunks = (_FIRST_BLOCKS, *(_CHUNK_BLOCKS for _ in range(0, most, _CHUNK_BLOCKS)))
    return not any(wanted in ahead.randbytes(blocks * _BLOCK_BYTES) for blocks in chunks)


def _made_of(words: list[int], used: int) -> random.Random:
    generator = random.Random(0)
    generator.setstate((3, (*words, used), None))
    return generator


def _put_numpy(state: bytes) -> None:
    numpy: Any = import_module("numpy")
    *words, used = struct.unpack(_FORMAT, state)
    numpy.random.set_state(("MT19937", numpy.array(words, dtype=numpy.uint32), used))
