"""A glance: whether a kind of state can have changed at all, asked of all kinds at once.

To take a snapshot of each kind and to compare it takes 30 calls and many objects. Most tests change nothing, so each
kind says by which *signs* one sees that: a few functions, most of them written in C, and pieces of memory. A glance
reads them all into two lists, compares these with those of the last time, and names the kinds of which a sign differs.
Only these are looked at. A sign may differ for nothing; it must never be the same where a snapshot would differ from
the last one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress
from typing import Any, NamedTuple

from isolane.process_state import memory
from isolane.process_state.base import Kind
from isolane.process_state.identity import addresses
from isolane.process_state.memory import Piece
from isolane.process_state.sequences import same_items


class Signs(NamedTuple):
    """What a kind is told by. A kind with none never changes; one that has no method ``signs`` is always looked at.

    values: functions that return plain values, to be compared by equality. objects: functions that return several
    objects, to be compared by identity; they are kept until the kind is looked at again. pieces: of the memory of what
    is ``alive``. Where one raises an exception, all kinds are looked at.
    """

    values: tuple[Callable[[], object], ...] = ()
    objects: tuple[Callable[[], Iterable[object]], ...] = ()
    pieces: tuple[Piece, ...] = ()
    alive: tuple[object, ...] = ()


class Unsure:
    """What a sign returns that cannot tell: it differs from everything, also from another of its kind."""

    __slots__ = ()


class _Taken(NamedTuple):
    """The signs of a kind, and what they were."""

    signs: Signs
    values: list[object]
    objects: tuple[object, ...]
    read: bytes


class Glance:
    """The signs of some kinds, as they were when each was looked at."""

    def __init__(self, kinds: Sequence[Kind[Any]]) -> None:
        self._kinds = tuple(kinds)
        self._unsure = set(self._kinds)
        """Those that are to be looked at whatever their signs: they have none, or were not taken."""
        self._taken: dict[Kind[Any], _Taken] = {}
        self._combine()

    def forget(self) -> None:
        """Take all kinds for changed."""
        self._unsure.update(self._kinds)

    def moved(self) -> Sequence[Kind[Any]]:
        """Return the kinds that may have changed since they were taken, in the order in which they were given."""
        if len(self._unsure) == len(self._kinds):
            return self._kinds
        try:
            values = [read() for read in self._value_signs]
            objects = tuple(chain(*[read() for read in self._object_signs]))
            read = memory.read(self._pieces)
            found = self._unsure
            if values != self._values:
                moved = map(operator.ne, values, self._values)
                found = found.union(compress(self._of_values, moved))
            if addresses(objects) != self._addresses:
                found = found.union(kind for kind, taken in self._taken.items() if _differ(taken))
            if read != self._read:
                found = found.union(self._of_pieces[one] for one in memory.moved(self._pieces, self._read, read))
        except Exception:  # noqa: BLE001  # something is not what it should be; a look will tell what
            return self._kinds
        return [kind for kind in self._kinds if kind in found] if found else ()

    def take(self, kinds: Iterable[Kind[Any]]) -> None:
        """Take the signs of kinds as they are now. Their snapshots are to be taken behind this, not before it."""
        for kind in kinds:
            try:
                signs: Signs = kind.signs()  # type: ignore[attr-defined]
                values = [read() for read in signs.values]
                objects = tuple(chain(*[read() for read in signs.objects]))
                taken = _Taken(signs, values, objects, memory.read(signs.pieces))
            except Exception:  # noqa: BLE001  # it has none, or is not what it should be
                self._unsure.add(kind)
                self._taken.pop(kind, None)
            else:
                self._unsure.discard(kind)
                self._taken[kind] = taken
        self._combine()

    def _combine(self) -> None:
        """Put together what is read and compared as one."""
        taken = self._taken.items()
        self._value_signs = [sign for _, one in taken for sign in one.signs.values]
        self._of_values = [kind for kind, one in taken for _ in one.values]
        self._values = [value for _, one in taken for value in one.values]
        self._object_signs = [sign for _, one in taken for sign in one.signs.objects]
        self._objects = tuple([thing for _, one in taken for thing in one.objects])
        self._addresses = addresses(self._objects)
        self._pieces = [piece for _, one in taken for piece in one.signs.pieces]
        self._of_pieces = [kind for kind, one in taken for _ in one.signs.pieces]
        self._read = b"".join([one.read for _, one in taken])


def _differ(taken: _Taken) -> bool:
    return not same_items(tuple(chain(*[read() for read in taken.signs.objects])), taken.objects)
