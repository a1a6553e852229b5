"""Many runs of one suite: in which orders, which of them are repeated, and what their failures are called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from isolane.model.stress import Behaviour, StressOrders, Tally
from isolane.planning.order import shuffled

REPEATS = 5
"""How often a failing run is made once more, with nothing beside it: as few as can tell always from never."""
MOST_REPEATED = 3
"""How many of the failing runs, and of the others, are repeated at most."""
FEWEST_FAILURES = 3
"""After how many failures, of as many runs, a test is run by itself."""
MOST_BY_THEMSELVES = 50
"""How many tests are."""
MOST_TIMES = 20
"""How often as many runs as clean ones would take are made, for a rate so near the one asked for that it stays open."""
_BATCH = 64
"""How many runs are planned at a time where nobody knows how many it takes."""
Differs = Callable[[int, int, int, int], bool]
"""Whether so many bad of so many runs, and so many of so many others, have different rates."""


def seed_of_run(orders: StressOrders, number: int) -> int | None:
    """Return the seed by which a run's order is drawn; None for the suite's own order. number: from 1.

    >>> [seed_of_run(StressOrders(1, 3, varied=True, seed=seed), 2) for seed in (None, 10)]
    [2, 11]
    >>> seed_of_run(StressOrders(1, 3, seed=10), 2)
    10
    """
    if not orders.varied:
        return orders.seed
    return (1 if orders.seed is None else orders.seed) + number - 1


def order_of_run(node_ids: Sequence[str], seed: int | None) -> tuple[int, ...]:
    """Return the positions of the tests in the order of that seed."""
    return tuple(range(len(node_ids)) if seed is None else shuffled(node_ids, seed))


def batches(orders: StressOrders, first: int) -> Iterator[range]:
    """Yield the numbers of the runs to make, a batch at a time; without end where neither runs nor rate ends them.

    first: how many clean runs it takes, where a rate is asked for; else nothing.
    """
    made = 0
    size = orders.runs or first or _BATCH
    while orders.runs is None or made < orders.runs:
        if orders.runs is not None:
            size = min(size, orders.runs - made)
        yield range(made + 1, made + size + 1)
        made += size
        size = _BATCH


class Repetition(NamedTuple):
    """A run made once more, with nothing beside it, for these tests. of: the field of their tallies that it fills.

    number: the run whose order and seed it has. whole: whether that run's other tests are run as well.
    """

    number: int
    tests: tuple[str, ...]
    of: str
    whole: bool = True


def first_repetitions(tallies: Mapping[str, Tally], orders: StressOrders, differs: Differs) -> list[Repetition]:
    """Return the failing runs to repeat, the most useful first, and the tests to run by themselves.

    Only what can say something: one of one order, with nothing beside it, has nothing to be told apart from.
    """
    wanted: dict[int, list[str]] = {}
    broken = []
    for test, tally in tallies.items():
        is_broken = tally.failures == tally.runs
        in_company = orders.count > 1 and differs(tally.failures, tally.runs, 0, REPEATS)
        if in_company or (orders.varied and not is_broken):
            wanted.setdefault(tally.first, []).append(test)
        if is_broken and tally.runs >= FEWEST_FAILURES:
            broken.append(Repetition(tally.first, (test,), "by_itself", whole=False))
    return [*_most_useful(wanted, "alone"), *broken[:MOST_BY_THEMSELVES]]


def second_repetitions(tallies: Mapping[str, Tally], orders: StressOrders) -> list[Repetition]:
    """Return the passing runs to repeat, for what fails each time in the order of a failing one."""
    wanted: dict[int, list[str]] = {}
    for test, tally in tallies.items():
        if orders.varied and tally.well and tally.alone[1] and tally.alone[0] == tally.alone[1]:
            wanted.setdefault(tally.well, []).append(test)
    return _most_useful(wanted, "elsewhere")


def _most_useful(wanted: Mapping[int, Sequence[str]], of: str) -> list[Repetition]:
    largest = sorted(wanted.items(), key=lambda one: -len(one[1]))
    return [Repetition(number, tuple(tests), of) for number, tests in largest[:MOST_REPEATED]]


def behaviour(tally: Tally, *, varied: bool, side_by_side: bool, differs: Differs) -> Behaviour:
    """Return what to call a test that failed at least once."""
    bad, runs = tally.failures, tally.runs
    alone_bad, alone = tally.alone
    if side_by_side and alone and not alone_bad and differs(bad, runs, 0, alone):
        return Behaviour.COLLISION
    if bad == runs:
        # One rate p makes k failures of k, and none of 5 others, at most so likely: 0.5 % for k = 3.
        return Behaviour.ORDER if tally.by_itself[1] and not tally.by_itself[0] else Behaviour.BROKEN
    if not varied or 0 < alone_bad < alone or (alone and not alone_bad):
        return Behaviour.FLAKY
    elsewhere_bad, elsewhere = tally.elsewhere
    if elsewhere_bad:
        return Behaviour.FLAKY
    if alone and elsewhere and differs(alone_bad + 1, alone + 1, 0, elsewhere + 1):
        return Behaviour.ORDER
    return Behaviour.UNCLEAR
