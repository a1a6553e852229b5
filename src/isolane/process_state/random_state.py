"""The generators of random numbers that everybody shares: those of ``random`` and of ``numpy.random``.

To use one is no leak, although it moves its state: nobody knows what comes next, before or after. To seed one is:
from then on every test gets numbers that depend on who was there before it. So where a state has changed, the
question is whether it can have come about by drawing numbers. Both generators are Mersenne Twisters, which make 624
numbers at a time out of the last 624; the one before is run ahead until it meets the one after, or for so long that
a test that only drew numbers would have been met. A test that draws more than that is taken for one that seeds.
"""

from __future__ import annotations

import random
import struct
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from isolane.model.state import Change, Level

_WORDS = 624
_BLOCK_BYTES = 4 * _WORDS
_FORMAT = f"={_WORDS + 1}I"
"""How numpy has it in memory: the last 624 numbers, before they are tempered, and how many of them are used up."""
_BLOCKS_AHEAD = (2, 158)
"""100,000 numbers, under a millisecond; most tests are met within the first two blocks."""
_NUMPYS_MODULE = "numpy.random.mtrand"
_NAMES = ("random", "numpy.random")

State = tuple[Any, ...] | bytes | None


class RandomSnapshot(NamedTuple):
    """``random.getstate()`` and numpy's state as bytes; ``None`` for what is not looked at."""

    python: tuple[Any, ...] | None
    numpy: bytes | None


class RandomStateKind:
    """Both generators; numpy's only where numpy is imported.

    reseeded: whether something seeds them before each test anyway, so that nothing can be left behind; by default,
    whether pytest-randomly is loaded.
    """

    name = "random_state"

    def __init__(self, reseeded: bool | None = None) -> None:
        self._reseeded = reseeded
        self._bit_generator: Any = None
        self._address = 0

    def snapshot(self) -> RandomSnapshot:
        """Copy both states: nine microseconds, and a half."""
        if self._reseeded or (self._reseeded is None and "pytest_randomly" in sys.modules):
            return RandomSnapshot(None, None)
        return RandomSnapshot(_python_state(), self._numpy_state() if "numpy" in sys.modules else None)

    def diff(self, before: RandomSnapshot, after: RandomSnapshot) -> list[Change]:
        """Return a change a generator: harmless if it was used, suspect if it was seeded."""
        return [
            Change(self.name, name, "where it was", "moved on", Level.HARMLESS)
            if _has_moved_on(old, new)
            else Change(self.name, name, "where it was", "seeded", Level.SUSPECT)
            for name, old, new in zip(_NAMES, before, after, strict=True)
            if old is not None and new is not None and old != new
        ]

    def rebase(self, pending: RandomSnapshot, before: RandomSnapshot, after: RandomSnapshot) -> RandomSnapshot:
        """Take over a state that was seeded."""
        seeded = [_is_seeded(old, new) for old, new in zip(before, after, strict=True)]
        return RandomSnapshot(
            after.python if seeded[0] else pending.python, after.numpy if seeded[1] else pending.numpy
        )

    def restore(self, before: RandomSnapshot) -> None:
        """Put back what was seeded. One that was used goes on from where it is: no two tests get the same numbers."""
        now = self.snapshot()
        if before.python is not None and _is_seeded(before.python, now.python):
            random.setstate(before.python)
        if before.numpy is not None and _is_seeded(before.numpy, now.numpy):
            _put_numpy(before.numpy)

    def _numpy_state(self) -> bytes | None:
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
            return ctypes.string_at(self._address, _BLOCK_BYTES + 4) if self._bit_generator is not None else None
        except Exception:  # noqa: BLE001  # numpy is being imported, or is something else in this test
            return None


def _python_state() -> tuple[Any, ...] | None:
    with suppress(Exception):
        state = random.getstate()
        if isinstance(state, tuple):
            return state
    return None


def _is_seeded(before: State, after: State) -> bool:
    return before is not None and after is not None and before != after and not _has_moved_on(before, after)


def _has_moved_on(before: State, after: State) -> bool:
    """Return whether drawing up to 100,000 numbers leads from one state to the other."""
    *old, old_used = _words(before)
    *new, new_used = _words(after)
    if old == new:
        return bool(new_used >= old_used)
    wanted = _generator(new, used=0).randbytes(_BLOCK_BYTES)
    ahead = _generator(old, used=_WORDS)
    return any(wanted in ahead.randbytes(blocks * _BLOCK_BYTES) for blocks in _BLOCKS_AHEAD)


def _words(state: Any) -> tuple[int, ...]:
    return struct.unpack(_FORMAT, state) if isinstance(state, bytes) else state[1]


def _generator(words: list[int], used: int) -> random.Random:
    generator = random.Random(0)
    generator.setstate((3, (*words, used), None))
    return generator


def _put_numpy(state: bytes) -> None:
    numpy: Any = import_module("numpy")
    *words, used = _words(state)
    numpy.random.set_state(("MT19937", numpy.array(words, dtype=numpy.uint32), used))
