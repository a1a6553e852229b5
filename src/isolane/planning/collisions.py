"""Which two tests get in each other's way when they run at the same time: pairs to try, and what shows it.

Pure, as :mod:`search` is. A race need not show itself by chance: one of the two is made to stand still where it has
just touched what both touch, and the other one runs from its beginning to its end meanwhile. One that ends otherwise
then, and is well in every order in which they follow each other, collides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from itertools import product, zip_longest

from isolane.model.hunt import AT_ITS_END, AT_TEARDOWN, Finding, Meeting, Probe, Sort, Stand
from isolane.model.identity import module_of
from isolane.model.outcome import Category, Outcome
from isolane.model.touch import Conflict, TestTouches
from isolane.planning.conflicts import may_meet
from isolane.planning.search import Batch, Search, has_turned

MOST_TOUCHES = 3
"""How many touches of what both touch one of them is stopped after."""
_SCHEDULES = (*range(1, MOST_TOUCHES + 1), AT_TEARDOWN)
_SHOWN = 4
"""How often a collision is shown, and as often that one after the other all is well."""
BY_CHANCE = 5
"""How often the two then run side by side with nobody held up."""
_PATIENCE = 1.0
_SLOWER = 3
"""For how long one stands still: so many seconds, and so many times as long as the other one takes alone."""
_MOST_OF_A_RESOURCE = 30
_MOST_ALONE = 60
"""How often a test that seems flaky is run with nothing beside it."""
MOST_MEETINGS = 200
"""Pairs that are tried, of one resource and of all: where everybody writes one file, a few of them show it."""


def meetings(
    tests: Sequence[TestTouches], conflicts: Sequence[Conflict], wanted: Collection[str] = ()
) -> tuple[list[Meeting], int]:
    """Return the pairs to try, and how many there are of which these are the first.

    wanted: then one of each pair is among these. Left out are those that markers keep from meeting. Those of two
    modules come first: tests of one module meet only where a run's tests are handed out one by one.
    """
    by_name = {one.test: one for one in tests}
    shared: dict[tuple[str, str], list[str]] = {}
    of_resource: list[list[tuple[str, str]]] = []
    for conflict in conflicts:
        pairs = [
            pair
            for pair in conflict.pairs()
            if (not wanted or set(pair) & set(wanted)) and may_meet(by_name[pair[0]], by_name[pair[1]])
        ]
        for pair in pairs:
            shared.setdefault(pair, []).append(conflict.resource)
        pairs.sort(key=lambda pair: module_of(pair[0]) == module_of(pair[1]))
        of_resource.append(pairs[:_MOST_OF_A_RESOURCE])
    in_turns = dict.fromkeys(pair for row in zip_longest(*of_resource) for pair in row if pair is not None)
    chosen = list(in_turns)[:MOST_MEETINGS]
    return [Meeting(one, other, tuple(shared[one, other])) for one, other in chosen], len(shared)


def collision(meeting: Meeting) -> Search[list[Finding]]:
    """Return what is found of the two tests: one finding for each that ends otherwise while the other one runs."""
    return (yield from _Collision(meeting).run())


def without_company(finding: Finding, are_different: Callable[[int, int, int, int], bool]) -> Search[Finding]:
    """Run a test that seemed flaky with nothing beside it: probes side by side may have been in its way.

    Where it never misbehaves then, and rates say that this is no chance, it is a collision, though not known with whom.
    are_different: as :func:`~isolane.planning.hunt.hunt` takes it.
    """
    if finding.sort is not Sort.FLAKY or finding.rates is None:
        return finding
    bad, runs = finding.rates[0]
    alone = 0
    while bad and alone < _MOST_ALONE and not are_different(bad, runs, 0, alone):
        (answer,) = yield Batch([Probe((finding.test,))], at_once=True)
        if answer is None or has_turned(finding.alone, answer.last):
            return finding
        alone += 1
    if not bad or not are_different(bad, runs, 0, alone):
        return finding
    return replace(finding, sort=Sort.COLLISION, rates=((0, alone), (bad, runs)))


class _Collision:
    def __init__(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self._pair = (meeting.first, meeting.second)
        self._alone: dict[str, Outcome] = {}
        self._seconds: dict[str, float] = {}

    def run(self) -> Search[list[Finding]]:
        ways = (self._pair, self._pair[::-1])
        for test in self._pair:
            (answer,) = yield Batch([Probe((test,))], at_once=True)
            if answer is None or answer.last.is_bad or answer.last.category is Category.MISSING:
                return []
            self._alone[test], self._seconds[test] = answer.last, answer.seconds
        for way in ways:
            (answer,) = yield Batch([Probe(way, tells_all=True)], at_once=True)
            in_one = {} if answer is None else answer.outcomes
            if self._turned(in_one) or (yield from self._meet(way, AT_ITS_END)):
                return []  # it takes no two at the same time
        found: dict[str, Finding] = {}
        for way, touch in product(ways, _SCHEDULES):
            if len(found) == len(ways):
                break
            turned = yield from self._meet(way, touch)
            new = [one for one in turned if one not in found]
            if new and (yield from self._is_confirmed(way, touch, new)):
                found.update({one: self._finding(one, turned[one], way[0], touch) for one in new})
        if not found:
            return []
        by_chance = yield from self._by_chance(list(found))
        return [_with_chance(one, by_chance[test]) for test, one in found.items()]

    def _meet(self, way: tuple[str, str], touch: int) -> Search[dict[str, Outcome]]:
        """Let the first stand still there while the second runs; return who ended otherwise than alone."""
        first, second = way
        stand = Stand(self._meeting.resources, touch, _PATIENCE + _SLOWER * self._seconds[second])
        answers = yield Batch([Probe((first,), stand=stand), Probe((second,))], at_once=True)
        return self._turned({test: answer.last for test, answer in zip(way, answers, strict=True) if answer})

    def _turned(self, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
        return {test: outcome for test, outcome in outcomes.items() if has_turned(self._alone[test], outcome)}

    def _is_confirmed(self, way: tuple[str, str], touch: int, tests: Collection[str]) -> Search[bool]:
        for _ in range(_SHOWN - 1):
            turned = yield from self._meet(way, touch)
            if not all(test in turned for test in tests) or (yield from self._meet(way, AT_ITS_END)):
                return False
        return True

    def _by_chance(self, tests: Sequence[str]) -> Search[dict[str, int]]:
        times = dict.fromkeys(tests, 0)
        for _ in range(BY_CHANCE):
            answers = yield Batch([Probe((test,)) for test in self._pair], at_once=True)
            ends = {test: answer.last for test, answer in zip(self._pair, answers, strict=True) if answer}
            for test in self._turned(ends):
                times[test] = times.get(test, 0) + 1
        return times

    def _finding(self, test: str, after: Outcome, stood: str, touch: int) -> Finding:
        other = self._pair[1] if test == self._pair[0] else self._pair[0]
        who = "it" if stood == test else "the other"
        where = "before its teardown" if touch == AT_TEARDOWN else f"having touched it {_times(touch)}"
        return Finding(
            test,
            Sort.COLLISION,
            self._alone[test],
            after,
            (other,),
            shared=self._meeting.resources,
            stood=f"{who} stood still, {where}",
        )


def _with_chance(finding: Finding, times: int) -> Finding:
    return replace(finding, rates=((0, _SHOWN), (times, BY_CHANCE)))


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
