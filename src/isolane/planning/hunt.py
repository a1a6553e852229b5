"""Which probes find out what is wrong with a test.

Pure: probes are yielded, many at once, and their answers are sent back. What is asked of a probe is how its last test
ends. Nothing here knows how probes are run; each runs in a process in which nothing has run before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, Finding, Probe, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, Outcome
from isolane.model.state import Level
from isolane.planning.compare import same_outcome
from isolane.planning.minimize import minimize_tests

CONFIRMATIONS = 3
"""How often a finding is shown, and as often that without it all is well."""
_RATES = 10
"""How many runs each way tell two rates apart, where single outcomes contradict each other."""
_VOTES = 5
"""How many runs a probe of a noisy test has; most of them decide."""
_MOST_SINGLES = 40
"""How many tests are tried one by one."""
_MOST_OTHERS = 3
"""How often it is looked for more among tests of which nobody knows anything."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Batch:
    """Probes that may run side by side. enough: an answer that makes those behind it needless; None: all count."""

    probes: Sequence[Probe]
    enough: Callable[[Answer], bool] | None = None


Search = Generator[Batch, Sequence[Answer | None], Result]
"""Is sent an answer for each probe, in order; None for those that were left out."""


@dataclass(frozen=True)
class Suspect:
    """A test that ends otherwise after ``before`` than alone. before: what ran before it, in order, in one process."""

    test: str
    alone: Outcome
    before: Sequence[str]


def hunt(
    suspect: Suspect,
    known: Sequence[str],
    are_different: Callable[[int, int, int, int], bool],
    settled: Collection[tuple[str, ...]] = (),
) -> Search[Finding]:
    """Find the smallest part of what ran before a test that makes it end otherwise than alone.

    known: tests that may well be it, tried first. settled: what has been found for other tests already: what does the
    same as these is known. are_different: whether ``bad`` of ``runs`` and ``others`` of ``of``
    are two different rates.
    """
    return (yield from _Hunt(suspect, known, are_different, settled).run())


class _Hunt:
    def __init__(
        self,
        suspect: Suspect,
        known: Sequence[str],
        are_different: Callable[[int, int, int, int], bool],
        settled: Collection[tuple[str, ...]],
    ) -> None:
        self._test = suspect.test
        self._alone = suspect.alone
        self._before = [one for one in suspect.before if one != suspect.test]
        places = {one: place for place, one in enumerate(self._before)}
        # The nearest first: less has run since that could have cleaned up.
        self._known = sorted((one for one in known if one in places), key=places.__getitem__, reverse=True)
        del self._known[_MOST_SINGLES:]
        self._are_different = are_different
        self._settled = settled
        self._votes = 1
        self._rates: tuple[tuple[int, int], tuple[int, int]] | None = None

    def run(self) -> Search[Finding]:
        alone = yield from self._outcomes((), CONFIRMATIONS - 1)
        after = yield from self._outcomes(self._before, 1)
        if not self._has_turned(after[0]):
            after += yield from self._outcomes(self._before, CONFIRMATIONS - 1)
        contradicts = any(map(self._has_turned, alone))
        if contradicts or not all(map(self._has_turned, after)):
            noisy = yield from self._noise(alone, after)
            if noisy is not None:
                return noisy
        turned = next((one for one in after if self._has_turned(one)), after[0])
        for _ in range(2):
            needed = yield from self._needed()
            if needed and (yield from self._is_confirmed(needed)):
                others = yield from self._others(needed)
                return self._finding(Sort.BRITTLE if self._alone.is_bad else Sort.VICTIM, turned, needed, others)
            self._votes = _VOTES  # one answer has been a stroke of luck: from now on most of several decide
        return self._finding(Sort.UNCLEAR, turned)

    # -- how it ends

    def _has_turned(self, outcome: Outcome) -> bool:
        return not same_outcome(outcome, self._alone)

    def _outcomes(self, before: Iterable[str], times: int) -> Search[list[Outcome]]:
        probe = Probe((*before, self._test))
        answers = yield Batch([probe] * times)
        return [answer.last if answer else MISSING for answer in answers]

    def _noise(self, alone: list[Outcome], after: list[Outcome]) -> Search[Finding | None]:
        """Compare rates where single outcomes contradict each other; None where the rates are two."""
        alone += yield from self._outcomes((), _RATES - len(alone))
        after += yield from self._outcomes(self._before, _RATES - len(after))
        bad = sum(map(self._has_turned, alone)), sum(map(self._has_turned, after))
        self._rates = (bad[0], len(alone)), (bad[1], len(after))
        self._votes = _VOTES
        if self._are_different(bad[0], len(alone), bad[1], len(after)):
            return None
        if not bad[1] and not bad[0]:
            return self._finding(Sort.UNCLEAR, None)
        return self._finding(Sort.FLAKY, next((one for one in (*alone, *after) if self._has_turned(one)), None))

    # -- after what

    def _ask(self, parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        """Return of each part whether the test has turned after it; None behind the first after which it has."""
        probes = [Probe((*part, self._test)) for part in parts]
        if self._votes == 1:
            answers = yield Batch(probes, lambda answer: self._has_turned(answer.last))
            return [None if answer is None else self._has_turned(answer.last) for answer in answers]
        said: list[bool | None] = [None] * len(parts)
        for place, probe in enumerate(probes):
            votes = yield Batch([probe] * self._votes)
            said[place] = sum(self._has_turned(vote.last) for vote in votes if vote) * 2 > self._votes
            if said[place]:
                break
        return said

    def _needed(self) -> Search[list[str]]:
        if self._known:
            said = yield from self._ask([[one] for one in self._known])
            if True in said:
                return [self._known[said.index(True)]]
        return (yield from self._smallest(self._before))

    def _smallest(self, tests: Sequence[str]) -> Search[list[str]]:
        trials = minimize_tests(tests)
        try:
            wanted = next(trials)
            while True:
                wanted = trials.send((yield from self._ask(wanted)))
        except StopIteration as end:
            return list(end.value)

    def _is_confirmed(self, needed: Sequence[str]) -> Search[bool]:
        times = CONFIRMATIONS if self._votes == 1 else _RATES
        after = yield from self._outcomes(needed, times)
        alone = yield from self._outcomes((), times)
        turned = sum(map(self._has_turned, after)), sum(map(self._has_turned, alone))
        if self._votes == 1:
            return turned == (times, 0)
        self._rates = (turned[1], times), (turned[0], times)
        return self._are_different(turned[1], times, turned[0], times)

    def _others(self, needed: Sequence[str]) -> Search[list[tuple[str, ...]]]:
        """Find what else does the same: those that are near it or known, and what is found without any of them."""
        found: list[tuple[str, ...]] = []
        settled = tuple(needed) in self._settled
        if len(needed) == 1:
            module = module_of(needed[0])
            near = [] if settled else [one for one in self._before if module_of(one) == module]
            singles = [one for one in dict.fromkeys([*self._known, *near]) if one != needed[0]][:_MOST_SINGLES]
            answers = yield Batch([Probe((one, self._test)) for one in singles])
            found += [
                (one,) for one, answer in zip(singles, answers, strict=True) if answer and self._has_turned(answer.last)
            ]
        for _ in range(0 if settled else _MOST_OTHERS):
            used = {one for part in (tuple(needed), *found) for one in part}
            rest = [one for one in self._before if one not in used]
            if not rest or not (yield from self._ask([rest]))[0]:
                break
            found.append(tuple((yield from self._smallest(rest))))
        return found

    def _finding(
        self,
        sort: Sort,
        after: Outcome | None,
        needed: Sequence[str] = (),
        others: Sequence[tuple[str, ...]] = (),
    ) -> Finding:
        return Finding(
            self._test,
            sort,
            self._alone,
            after,
            tuple(needed),
            tuple(others),
            rates=self._rates if needed or after else None,
        )


def carriers(finding: Finding) -> Search[Finding]:
    """Find the state by which the needed tests reach the other: put back a kind at a time, and see whether that helps.

    What they leave is seen in any case; :attr:`Finding.tried` says that putting it back was tried, and helped.
    """
    tests = (*finding.needed, finding.test)
    (looked,) = yield Batch([Probe(tests, looks=True)])
    left = tuple(
        one
        for one in (looked.found if looked else ())
        if one.leak.change.level is not Level.HARMLESS and not one.at_import
    )
    kinds = list(dict.fromkeys(one.leak.change.kind for one in left))
    answers = yield Batch([Probe(tests, restored=(kind,)) for kind in kinds])
    helped = [kind for kind, answer in zip(kinds, answers, strict=True) if answer and _is_well(finding, answer)]
    if not helped and len(kinds) > 1:
        (together,) = yield Batch([Probe(tests, restored=tuple(kinds))])
        helped = kinds if together and _is_well(finding, together) else []
    taken = [one for one in left if one.leak.change.kind in (helped or kinds)]
    if taken:
        (traced,) = yield Batch([Probe(tests, traced=tuple(helped or kinds))])
        taken = [_with_line(one, traced.found if traced else ()) for one in taken]
    return replace(finding, carriers=tuple(taken), tried=bool(helped))


def cleaner(finding: Finding, tests: Sequence[str]) -> Search[Finding]:
    """Find a test that, run in between, makes the victim well again; the nearest one in ``tests``, if any does."""
    others = [one for one in tests if one != finding.test and one not in finding.needed]
    if finding.sort is not Sort.VICTIM or not others:
        return finding

    def ask(parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        probes = [Probe((*finding.needed, *part, finding.test)) for part in parts]
        answers = yield Batch(probes, lambda answer: _is_well(finding, answer))
        return [None if answer is None else _is_well(finding, answer) for answer in answers]

    if not (yield from ask([others]))[0]:
        return finding
    trials = minimize_tests(others)
    try:
        wanted = next(trials)
        while True:
            wanted = trials.send((yield from ask(wanted)))
    except StopIteration as end:
        found = list(end.value)
    return replace(finding, cleaner=found[0]) if len(found) == 1 else finding


def _is_well(finding: Finding, answer: Answer) -> bool:
    return same_outcome(answer.last, finding.alone)


def _with_line(one: Explained, traced: Iterable[Explained]) -> Explained:
    """Return it with the line that was seen to write at that place: a fixture's is written in some test's time."""
    place = one.leak.change.place
    return replace(one, blame=next((other.blame for other in traced if other.leak.change.place == place), None))
