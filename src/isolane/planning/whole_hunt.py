"""A hunt from its first order to its last finding: who is looked for, in what order, and what is told of it.

Knows no more than :mod:`search` of how probes are run; what is found is told as it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

from isolane.model.clock import Clock, SystemClock
from isolane.model.hunt import Finding, HuntOrders, Probe, Sort
from isolane.model.outcome import MISSING
from isolane.planning.carriers import carriers, cleaner
from isolane.planning.collisions import collision, without_company
from isolane.planning.hunt import Suspect, hunt
from isolane.planning.inputs import MOST_BROKEN, by_its_inputs
from isolane.planning.pairs import all_pairs, with_all_others
from isolane.planning.search import Batch, Search
from isolane.planning.survey import Survey, dirty_tests, hidden_victims, relatives, survey

_MOST_LOOKED_AROUND = 5
"""Polluters after which other tests are run that no order has shown to suffer."""


class WholeHunt:
    """tests: the suite, in its order. tell: takes what is found, in types that JSON has. probes: how many have run.

    failed: tests that failed, each with what had run before it, where these are looked into and no order is run.
    are_different: as :func:`~isolane.planning.hunt.hunt` takes it.
    """

    def __init__(
        self,
        orders: HuntOrders,
        tests: Sequence[str],
        *,
        tell: Callable[[dict[str, Any]], None],
        probes: Callable[[], int],
        are_different: Callable[[int, int, int, int], bool],
        failed: Mapping[str, Sequence[str]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._orders = orders
        self._tests = tests
        self._tell = tell
        self._probes = probes
        self._are_different = are_different
        self._clock = clock or SystemClock()
        self._known: list[str] = []
        """Tests that may well be what another one fails after."""
        self._settled: list[tuple[str, ...]] = []
        """What has been found for other tests."""
        self._findings: dict[str, Finding] = {}
        self._is_apart = orders.count == 1
        self._failed = failed

    def search(self) -> Search[None]:
        """Look for all that is asked for."""
        if self._orders.meetings is not None:
            yield from self._meet()
            return
        if self._failed is not None:
            yield from self._look_into_failed(self._failed)
            return
        tests, asked_for = self._tests, self._orders.wanted
        wanted = [one for one in tests if any(one == asked or one.endswith(asked) for asked in asked_for)]
        unknown = [asked for asked in asked_for if not any(one.endswith(asked) for one in wanted)]
        if unknown:
            self._tell({"unknown": unknown})
            return
        found = yield from survey(tests, self._orders.seeds, wanted, after_each=self._orders.are_cheap)
        self._tell({"survey": _as_data(found), "tests": len(tests)})
        self._known = list(found.dirty)
        for place, (test, outcome) in enumerate(found.broken.items()):
            finding = Finding(test, Sort.BROKEN, outcome)
            self._found((yield from by_its_inputs(finding)) if place < MOST_BROKEN else finding)
        yield from self._look_into_all(found.suspects)
        if not wanted and self._orders.are_cheap:
            yield from self._look_for_relatives()
            yield from self._look_into_all((yield from hidden_victims(tests, found, self._findings)))
        if self._orders.all_pairs:
            yield from self._pairs(wanted or tests, found.dirty)

    def _meet(self) -> Search[None]:
        known = set(self._tests)
        for meeting in self._orders.meetings or ():
            if {meeting.first, meeting.second} <= known:
                for finding in (yield from collision(meeting)):
                    self._found(finding)
        self._tell({"tests": len(known)})

    def _look_into_failed(self, failed: Mapping[str, Sequence[str]]) -> Search[None]:
        """Look into those that are well alone; of the others it is known that they are bad in each process."""
        known = set(self._tests)
        asked = {test: [one for one in before if one in known] for test, before in failed.items() if test in known}
        answers = yield Batch([Probe((test,)) for test in asked])
        alone = {test: answer.last for test, answer in zip(asked, answers, strict=True) if answer}
        suspects = []
        for test, outcome in alone.items():
            if outcome.is_bad:
                self._found(Finding(test, Sort.BROKEN, outcome))
            elif outcome != MISSING and asked[test]:
                (looked,) = yield Batch([Probe((*asked[test], test), looks=True)])
                self._known = list(dict.fromkeys([*self._known, *dirty_tests(looked)]))
                suspects.append(Suspect(test, outcome, asked[test]))
        self._tell(
            {"survey": {"outcomes": {test: str(outcome) for test, outcome in alone.items()}}, "tests": len(known)}
        )
        yield from self._look_into_all(suspects)

    def _found(self, finding: Finding) -> None:
        self._findings[finding.test] = finding
        self._tell({"finding": finding.as_data()})

    def _look_into_all(self, suspects: Sequence[Suspect]) -> Search[None]:
        waiting = list(suspects)
        while waiting:
            finding = yield from self._look_into(waiting[0])
            if not self._is_apart and _may_be_of_our_making(finding):
                # Probes side by side may have met, at a port or a file. What shows no more is of no interest.
                self._is_apart = True
                yield Batch((), one_by_one=True)
                if finding.sort is Sort.COLLISION:
                    self._found(finding)
                if self._failed is None:
                    left = [one.test for one in waiting]
                    waiting = list((yield from survey(self._tests, self._orders.seeds, left)).suspects)
                continue
            del waiting[0]
            self._found(finding)

    def _look_for_relatives(self) -> Search[None]:
        """Find victims of known polluters that no order has shown."""
        victims = [one for one in self._findings.values() if one.sort is Sort.VICTIM]
        for needed in list(dict.fromkeys(one.needed for one in victims))[:_MOST_LOOKED_AROUND]:
            known = [one.test for one in victims if one.needed == needed]
            suspects = yield from relatives(self._tests, needed, known, self._findings)
            yield from self._look_into_all(suspects)

    def _look_into(self, suspect: Suspect) -> Search[Finding]:
        """Find what a test ends otherwise after, and what carries it."""
        begun, before = self._clock.monotonic(), self._probes()
        finding = yield from hunt(suspect, self._known, self._are_different, self._settled)
        if self._orders.count > 1:
            finding = yield from without_company(finding, self._are_different)
        if finding.needed:
            self._tell({"needed": [*finding.needed, finding.test]})
            finding = yield from carriers(finding, self._findings.values())
        finding = yield from by_its_inputs(finding)
        if finding.needed:
            self._known = list(dict.fromkeys([*chain(finding.needed, *finding.others), *self._known]))
            if self._orders.cleaners and suspect.is_hidden and finding.needed not in self._settled:
                finding = yield from cleaner(finding, self._tests)
            if finding.needed not in self._settled:
                self._settled.append(finding.needed)
        return replace(finding, probes=self._probes() - before, seconds=self._clock.monotonic() - begun)

    def _pairs(self, wanted: Sequence[str], dirty: Sequence[str]) -> Search[None]:
        """Run each test after each that leaves something; of one that is known already, tell who else does it."""
        begun = self._clock.monotonic()
        found = yield from all_pairs(self._tests, wanted, dirty)
        seconds = self._clock.monotonic() - begun
        pairs = [found.told, found.of]
        self._tell({"pairs": pairs, "dirty": list(found.dirty), "alike": found.alike, "seconds": seconds})
        for turned in found.turned:
            finding = self._findings.get(turned.test)
            if finding is None or finding.sort is Sort.BROKEN:
                # A test that the orders have hidden: cleaners run between the two, in each of them.
                suspect = Suspect(turned.test, turned.alone, turned.after[-1:], is_hidden=True)
                finding = yield from self._look_into(suspect)
            if finding.needed:
                finding = yield from with_all_others(finding, turned.after)
            self._found(finding)


def _may_be_of_our_making(finding: Finding) -> bool:
    """Return whether a test has ended in two ways though nothing was otherwise but what ran beside it."""
    return finding.sort in (Sort.FLAKY, Sort.UNCLEAR, Sort.COLLISION) or finding.rates is not None


def _as_data(found: Survey) -> dict[str, Any]:
    return {
        "suspects": [one.test for one in found.suspects],
        "broken": list(found.broken),
        "dirty": list(found.dirty),
        "orders": found.orders,
        "seconds": found.seconds,
        "outcomes": {test: str(outcome) for test, outcome in found.outcomes.items()},
    }
