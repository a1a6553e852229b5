"""A hunt goes on one by one where probes side by side have met."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

from isolane.model.hunt import Answer, HuntOrders, Probe
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.planning.search import Batch
from isolane.planning.whole_hunt import WholeHunt
from isolane.statistics.flake_rate import are_different

FAILED = Outcome(Category.FAILED, "OSError")
TESTS = ["test_a.py::test_sets", "test_a.py::test_listens", "test_b.py::test_reads"]


class MeetingProbes:
    """Side by side, every second probe of the test that listens finds its port taken."""

    def __init__(self) -> None:
        self.is_apart = False
        self._ran: Counter[str] = Counter()

    def answers(self, batch: Batch) -> list[Answer | None]:
        self.is_apart |= batch.one_by_one
        return [self._answer(probe) for probe in batch.probes]

    def _answer(self, probe: Probe) -> Answer:
        outcomes = dict.fromkeys(probe.tests, PASSED)
        for place, test in enumerate(probe.tests):
            self._ran[test] += 1
            is_met = test == TESTS[1] and not self.is_apart and self._ran[test] % 2
            if is_met or (test == TESTS[2] and TESTS[0] in probe.tests[:place]):
                outcomes[test] = FAILED
        return Answer(outcomes, outcomes[probe.asked])


def test_what_only_probes_side_by_side_show_depends_on_no_order() -> None:
    told: list[dict[str, Any]] = []
    probes = MeetingProbes()
    search = WholeHunt(
        HuntOrders(2, (1,)), TESTS, tell=told.append, probes=lambda: 0, are_different=are_different
    ).search()
    with contextlib.suppress(StopIteration):
        batch = next(search)
        while True:
            batch = search.send(probes.answers(batch))

    findings = [line["finding"] for line in told if "finding" in line]
    victims = [(one["test"], one["needed"]) for one in findings if one["sort"] == "victim"]
    assert victims == [(TESTS[2], [TESTS[0]])]
    assert probes.is_apart
    assert {one["sort"] for one in findings if one["test"] == TESTS[1]} <= {"collision"}
