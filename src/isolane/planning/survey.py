"""Which tests of a suite end otherwise in another order: looked for in a few orders of all of them.

Pure, as :mod:`hunt` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isolane.model.hunt import Answer, Probe
from isolane.model.outcome import Outcome
from isolane.model.state import Level
from isolane.planning.compare import same_outcome
from isolane.planning.hunt import Batch, Search, Suspect
from isolane.planning.order import shuffled


@dataclass(frozen=True)
class Survey:
    """What the orders have shown.

    suspects: tests that ended otherwise in some order than alone. broken: those that are bad wherever they run, with
    how. dirty: tests that left what others may see, in the suite's own order. orders: how many were run. seconds: what
    the suite's own order took.
    """

    suspects: Sequence[Suspect]
    broken: Mapping[str, Outcome]
    dirty: Sequence[str]
    orders: int
    seconds: float


def survey(tests: Sequence[str], seeds: Sequence[int], wanted: Sequence[str] = ()) -> Search[Survey]:
    """Run the suite in its own order, reversed, with those first that leave something, and shuffled by each seed.

    wanted: only these are of interest; each of them is alone in any case.
    """
    own = list(tests)
    orders = [own, own[::-1]]
    answers = list((yield Batch([Probe(tuple(own), looks=True), Probe(tuple(reversed(own)))])))
    dirty = dirty_tests(answers[0])
    alone: dict[str, Outcome] = {}
    if wanted:
        alone = yield from _alone(wanted)
    if not wanted or len(_suspects(orders, answers, alone)) < len(wanted):
        more = [[own[place] for place in shuffled(own, seed)] for seed in seeds]
        if dirty:
            # What they leave is there for all others then, unless somebody cleans up.
            rest = [one for one in own if one not in set(dirty)]
            more = [[*dirty, *rest], [*reversed(dirty), *reversed(rest)], *more]
        answers += yield Batch([Probe(tuple(order)) for order in more])
        orders += more
    if not wanted:
        alone = yield from _alone(_odd(own, [one for one in answers if one is not None]))
    suspects = _suspects(orders, answers, alone)
    suspected = {one.test for one in suspects}
    broken = {test: outcome for test, outcome in alone.items() if outcome.is_bad and test not in suspected}
    first = answers[0]
    return Survey(suspects, broken, dirty, len(orders), first.seconds if first else 0.0)


def _alone(tests: Sequence[str]) -> Search[dict[str, Outcome]]:
    answers = yield Batch([Probe((test,)) for test in tests])
    return {test: answer.last for test, answer in zip(tests, answers, strict=True) if answer is not None}


def _suspects(
    orders: Sequence[Sequence[str]], answers: Sequence[Answer | None], alone: Mapping[str, Outcome]
) -> list[Suspect]:
    """Return the tests that ended otherwise than alone, each with the least that had run before it when it did."""
    found = []
    for test, outcome in alone.items():
        befores = [
            order[: order.index(test)]
            for order, ran in zip(orders, answers, strict=True)
            if ran is not None and test in ran.outcomes and not same_outcome(ran.outcomes[test], outcome)
        ]
        if befores:
            found.append(Suspect(test, outcome, min(befores, key=len)))
    return found


def dirty_tests(answer: Answer | None) -> list[str]:
    """Return the tests that left what others may see, in the order in which they ran."""
    if answer is None:
        return []
    owners = {one.leak.owner for one in answer.found if one.leak.change.level is not Level.HARMLESS}
    return [test for test in answer.outcomes if test in owners]


def _odd(tests: Sequence[str], answers: Sequence[Answer]) -> list[str]:
    """Return the tests that ended in two ways, or badly."""
    found = []
    for test in tests:
        outcomes = [answer.outcomes[test] for answer in answers if test in answer.outcomes]
        if any(one.is_bad or not same_outcome(one, outcomes[0]) for one in outcomes):
            found.append(test)
    return found
