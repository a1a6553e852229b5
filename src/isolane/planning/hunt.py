"""Which probes find out what is wrong with a test: after which others it ends otherwise, and how often.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import log

from isolane.model.hunt import Finding, Probe, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import Outcome
from isolane.planning.minimize import minimize_tests
from isolane.planning.search import CONFIRMATIONS, Batch, Search, has_turned

_SHOWN = 4
"""How often a finding is shown, and as often that without it all is well: with three runs alone before, that two rates
are one is less likely than one in a hundred."""
_OF_A_KNOWN_ONE = 5
"""How often it is shown where it was one of many that were tried: among many, one seems to do it by chance."""
_RATES = ((10, 3), (10, 10), (20, 20))
"""How many runs alone and after others tell two rates apart, where single outcomes contradict each other; first few."""
_ERROR = 0.002
"""How likely a noisy probe may be taken for the other of two rates."""
_MOST_RUNS = 24
"""How often a probe of a noisy test is run for that."""
_MOST_SEARCHES = 3
"""How often the smallest part is looked for, where what was found is not borne out."""
_MOST_SETTLED = 4
"""How many of what has been found last, for other tests, are tried first."""
_MOST_NEAR = 20
"""How many of a polluter's own module are tried one by one: whether they do the same."""
_MOST_OTHERS = 3
"""How often it is looked for more among tests of which nobody knows anything."""


@dataclass(frozen=True)
class Suspect:
    """A test that ends otherwise after ``before`` than alone. before: what ran before it, in order, in one process.

    is_hidden: whether it ends in the suite's own order as it does alone. wavers: whether it ended in several ways
    alone; None where it ran alone once. rest: what had not run before it. halves: whether it ended otherwise after each
    of the two that ``before`` is cut into first, the nearer one first, where that has been asked.
    """

    test: str
    alone: Outcome
    before: Sequence[str]
    is_hidden: bool = False
    wavers: bool | None = None
    rest: Sequence[str] = ()
    halves: Sequence[bool] = ()


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
        self._wavers = suspect.wavers
        self._before = [one for one in suspect.before if one != suspect.test]
        self._rest = [one for one in suspect.rest if one != suspect.test]
        self._halves = suspect.halves
        among = set(known)
        self._known = [one for one in self._before if one in among]
        self._are_different = are_different
        self._settled = [one for one in settled if set(one) <= set(self._before)][-_MOST_SETTLED:]
        self._turned: Outcome | None = None
        self._rates: tuple[tuple[int, int], tuple[int, int]] | None = None
        self._is_noisy = False
        self._also: list[list[str]] = []
        """Halves after which the test had turned as well, and that were not looked into."""
        self._was_halved = False
        self._is_known = False

    def run(self) -> Search[Finding]:
        wavers = self._wavers
        if wavers is None:
            wavers = (yield from self._times((), CONFIRMATIONS - 1)) > 0
        if wavers:
            noisy = yield from self._noise()
            if noisy is not None:
                return noisy
        for _ in range(_MOST_SEARCHES):
            self._also, self._was_halved, self._is_known = [], False, False
            needed = yield from self._needed()
            if needed and (yield from self._is_confirmed(needed)):
                others = yield from self._others(needed)
                return self._finding(Sort.BRITTLE if self._alone.is_bad else Sort.VICTIM, needed, others)
            if not self._is_noisy:
                noisy = yield from self._noise()
                if noisy is not None:
                    return noisy
        return self._finding(Sort.UNCLEAR)

    # -- how it ends

    def _has_turned(self, outcome: Outcome) -> bool:
        return has_turned(self._alone, outcome)

    def _times(self, before: Iterable[str], times: int) -> Search[int]:
        """Return how many times of so many the test has turned."""
        answers = yield Batch([Probe((*before, self._test))] * times)
        turned = [answer.last for answer in answers if answer and self._has_turned(answer.last)]
        if turned and self._turned is None:
            self._turned = turned[0]
        return len(turned)

    def _noise(self) -> Search[Finding | None]:
        """Compare rates where single outcomes contradict each other; None where the rates are two."""
        are_two = yield from self._are_two(self._before)
        if not are_two and self._rest:
            # It was by chance that it turned after these; it may well turn after the others.
            shown = self._rates
            are_two = yield from self._are_two(self._rest)
            self._before, self._rates = (self._rest, self._rates) if are_two else (self._before, shown)
        if are_two:
            (alone, of), (after, runs) = self._rates or ((0, 0), (0, 0))
            if after * of < alone * runs:
                if self._turned is None:
                    return self._finding(Sort.UNCLEAR)
                # The few first runs alone were not what it is as a rule: what it is rarely after others is the rule.
                self._alone = self._turned
                self._turned = None
                self._rates = (of - alone, of), (runs - after, runs)
            self._is_noisy = True
            return None
        (alone, _), (after, _) = self._rates or ((0, 0), (0, 0))
        return self._finding(Sort.FLAKY if alone or after else Sort.UNCLEAR)

    def _are_two(self, before: Sequence[str]) -> Search[bool]:
        """Run it alone and after others until the rates at which it turns are told apart, or hardly differ."""
        alone = of = after = runs = 0
        for of_until, until in _RATES:
            alone += yield from self._times((), of_until - of)
            after += yield from self._times(before, until - runs)
            of, runs = of_until, until
            self._rates = (alone, of), (after, runs)
            if self._are_different(alone, of, after, runs):
                return True
        return False

    # -- after what

    def _ask(self, parts: Sequence[Sequence[str]], *, all_count: bool = False) -> Search[list[bool | None]]:
        """Return of each part whether the test has turned after it; None behind the first after which it has.

        all_count: then each is run to its end.
        """
        if self._is_noisy:
            return (yield from self._ask_often(parts))
        probes = [Probe((*part, self._test)) for part in parts]
        answers = yield Batch(probes, None if all_count else lambda answer: self._has_turned(answer.last))
        return [None if answer is None else self._has_turned(answer.last) for answer in answers]

    def _ask_often(self, parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        """Run each part until it is clear which of the two rates it has.

        Source: the sequential probability ratio test, Wald, Annals of Mathematical Statistics 16, 1945.
        """
        low, high = ((bad + 0.5) / (runs + 1) for bad, runs in self._rates or ((0, 1), (1, 1)))
        enough = log((1 - _ERROR) / _ERROR)
        said: list[bool | None] = [None] * len(parts)
        for place, part in enumerate(parts):
            evidence, runs = 0.0, 0
            while abs(evidence) < enough and runs < _MOST_RUNS:
                turned = yield from self._times(part, 2)
                evidence += turned * log(high / low) + (2 - turned) * log((1 - high) / (1 - low))
                runs += 2
            said[place] = evidence > 0
            if said[place]:
                break
        return said

    def _needed(self) -> Search[list[str]]:
        if self._settled:
            said = yield from self._ask(self._settled)
            if True in said:
                return list(self._settled[said.index(True)])
        if self._known and len(self._known) < len(self._before) and (yield from self._ask([self._known]))[0]:
            found = yield from self._smallest(self._known)
            if found:
                self._is_known = True
                return found
        return (yield from self._smallest(self._before))

    def _smallest(self, tests: Sequence[str]) -> Search[list[str]]:
        """Return the smallest part of tests that does it; none where they turn out not to do it."""
        if len(tests) == 1 and not (yield from self._ask([tests]))[0]:
            return []
        trials = minimize_tests(tests)
        try:
            wanted = next(trials)
            while True:
                said = yield from (self._ask_halves(wanted) if len(wanted) == 2 else self._ask(wanted))
                # A half often tells that the whole does it. Where none does, either both are needed, or something was
                # a stroke of luck: it may take thousands of probes to find nothing.
                if len(wanted) == 2 and True not in said and not (yield from self._ask([[*wanted[1], *wanted[0]]]))[0]:
                    return []
                wanted = trials.send(said)
        except StopIteration as end:
            return list(end.value)

    def _ask_halves(self, halves: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        """Ask of both halves, so that nothing is left of which nobody knows whether it does the same."""
        told, self._halves = self._halves, ()
        said: list[bool | None]
        if told and not self._is_noisy and [*halves[1], *halves[0]] == self._before:
            said = list(told)
        else:
            said = yield from self._ask(halves, all_count=True)
        self._was_halved = True
        if said == [True, True]:
            self._also.append(list(halves[1]))
        return said

    def _is_confirmed(self, needed: Sequence[str]) -> Search[bool]:
        if self._is_noisy:
            self._turned = None
            if not (yield from self._are_two(needed)):
                return False
            (alone, of), (after, runs) = self._rates or ((0, 0), (0, 0))
            return after * of > alone * runs
        times = _SHOWN if self._was_halved else _OF_A_KNOWN_ONE
        probes = [Probe((*needed, self._test)), Probe((self._test,))]
        answers = yield Batch([one for one in probes for _ in range(times)])
        turned = [answer is not None and self._has_turned(answer.last) for answer in answers]
        self._turned = next((one.last for one, did in zip(answers, turned, strict=True) if one and did), None)
        return all(turned[:times]) and not any(turned[times:])

    def _others(self, needed: Sequence[str]) -> Search[list[tuple[str, ...]]]:
        """Find what else does the same: what the halves that were left aside have shown, and what was not in any.

        Of a polluter of which nothing is known, also what stands in its module.
        """
        found: list[tuple[str, ...]] = []
        if self._is_noisy or tuple(needed) in self._settled:
            return found
        if len(needed) == 1 and not self._is_known:
            module = module_of(needed[0])
            near = [one for one in self._before if module_of(one) == module and one != needed[0]][-_MOST_NEAR:]
            said = yield from self._ask([[one] for one in near], all_count=True)
            found += [(one,) for one, does in zip(near, said, strict=True) if does]
        parts = self._also[:_MOST_OTHERS] if len(needed) == 1 else []
        if self._is_known or len(needed) > 1:
            parts = [*parts, self._before]
        for part in parts:
            used = {one for part in (tuple(needed), *found) for one in part}
            rest = [one for one in part if one not in used]
            if len(rest) < len(part) and not (rest and (yield from self._ask([rest]))[0]):
                continue
            smallest = yield from self._smallest(rest)
            found += [tuple(smallest)] if smallest else []
        again = yield from self._ask([one for one in found for _ in range(CONFIRMATIONS - 1)], all_count=True)
        return [
            one for place, one in enumerate(found) if all(again[place * (CONFIRMATIONS - 1) :][: CONFIRMATIONS - 1])
        ]

    def _finding(self, sort: Sort, needed: Sequence[str] = (), others: Sequence[tuple[str, ...]] = ()) -> Finding:
        return Finding(self._test, sort, self._alone, self._turned, tuple(needed), tuple(others), rates=self._rates)
