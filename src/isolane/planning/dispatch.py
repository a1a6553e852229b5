"""In which order units are handed out, and from whom one is taken back for a worker that has none left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from isolane.planning.units import Unit

_LONG = 2.0
"""A chunk is long, and goes out first, from this many times the mean; one that is a single test, from the mean."""


def dispatch_order(units: Sequence[Unit], dist: str, *, keep: bool = False) -> list[Unit]:
    """Return the units in the order in which they are handed out.

    keep: leave the order of collection as it is, where a person has asked for one.

    What is expected to take longest goes first (the longest-processing-time rule: the makespan is at most
    4/3 − 1/(3m) of the best on m workers; Graham, "Bounds on multiprocessing timing anomalies", 1969). Where nothing
    is known, the number of tests stands for time in the modes that keep tests together. Chunks of ``load`` are all
    about as long, so only the longest of them are moved: neighbours that share fixtures stay neighbours.

    >>> [unit.key for unit in dispatch_order([Unit("a", (0,), 1.0), Unit("b", (1,), 9.0)], "loadscope")]
    ['b', 'a']
    """
    if keep:
        return list(units)
    known = [unit.seconds for unit in units if unit.seconds is not None]
    if dist in ("load", "worksteal"):
        if not known:
            return list(units)
        mean = sum(known) / len(known)
        long = [unit for unit in units if (unit.seconds or 0.0) > (mean if len(unit.tests) == 1 else _LONG * mean)]
        moved = {id(unit) for unit in long}
        return sorted(long, key=_longest_first) + [unit for unit in units if id(unit) not in moved]
    return sorted(units, key=_longest_first)


def richest(waiting: Mapping[str, Unit]) -> list[str]:
    """Return the workers that have a unit waiting ahead, the one with the longest first."""
    return sorted(waiting, key=lambda worker: _longest_first(waiting[worker]))


def _longest_first(unit: Unit) -> tuple[float, int, int]:
    return (-(unit.seconds or 0.0), -len(unit.tests), unit.tests[0])
