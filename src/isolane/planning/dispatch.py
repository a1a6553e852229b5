"""In which order units are handed out, and from whom one is taken back for a worker that has none left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from isolane.planning.units import Unit

_NOTICED = 0.02
"""What part of a worker's even share of the time may be lost by the order: as much as differs from run to run."""
_QUICKLY_ASKED = 0.005
"""Seconds beside which a worker's asking for its next unit, and the answer, do not count."""


def dispatch_order(units: Sequence[Unit], dist: str, workers: int, *, keep: bool = False) -> list[Unit]:
    """Return the units in the order in which they are handed out.

    keep: leave the order of collection as it is, where a person has asked for one.

    What is expected to take longest goes first (the longest-processing-time rule: the makespan is at most
    4/3 − 1/(3m) of the best on m workers; Graham, "Bounds on multiprocessing timing anomalies", 1969). Where nothing
    is known, the number of tests stands for time in the modes that keep tests together. Of the chunks of ``load``
    only those are moved that would end noticeably later than all that comes after them, shared by the workers:
    neighbours that share fixtures stay neighbours.

    >>> [unit.key for unit in dispatch_order([Unit("a", (0,), 1.0), Unit("b", (1,), 9.0)], "loadscope", 2)]
    ['b', 'a']
    """
    if keep:
        return list(units)
    if dist not in ("load", "worksteal"):
        return sorted(units, key=_longest_first)
    noticed = even_share(units, workers) * _NOTICED
    late: list[Unit] = []
    others: list[Unit] = []
    behind = 0.0
    for unit in reversed(units):
        seconds = unit.seconds or 0.0
        if seconds - behind / workers > noticed:
            late.append(unit)
        else:
            others.append(unit)
            behind += seconds
    return sorted(late, key=_longest_first) + others[::-1]


def even_share(units: Iterable[Unit], workers: int) -> float:
    """Return what each worker has to do where all have the same, in seconds; what is not known counts as nothing."""
    return sum(unit.seconds or 0.0 for unit in units) / workers


def may_wait_ahead(unit: Unit, current: Unit, share: float) -> bool:
    """Return whether a unit may be given to a worker that has just begun another; share: :func:`even_share`.

    What waits behind a long unit is begun late, or is taken back when nothing else is left, and that is later still.
    So where both are long the worker is given nothing, and asks when it is through.

    >>> may_wait_ahead(Unit("a", (0,), 3.0), Unit("b", (1,), 5.0), share=10.0)
    False
    """
    return min(unit.seconds or 0.0, current.seconds or 0.0) <= max(_QUICKLY_ASKED, share * _NOTICED)


def richest(waiting: Mapping[str, Unit]) -> list[str]:
    """Return the workers that have a unit waiting ahead, the one with the longest first."""
    return sorted(waiting, key=lambda worker: _longest_first(waiting[worker]))


def _longest_first(unit: Unit) -> tuple[float, int, int]:
    return (-(unit.seconds or 0.0), -len(unit.tests), unit.tests[0])
