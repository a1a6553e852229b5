"""Two tests at the same time, in a model of them: what collides is found, and nothing else is called so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.hunt import AT_ITS_END, AT_TEARDOWN, Answer, Finding, Meeting, Probe, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.touch import Sort as Kind
from isolane.model.touch import TestTouches, Touch
from isolane.planning.collisions import MOST_MEETINGS, collision, meetings, without_company
from isolane.planning.conflicts import conflicts_among
from isolane.statistics.flake_rate import are_different

FAILED = Outcome(Category.FAILED, "OSError")
ONE, OTHER = "test_a.py::test_one", "test_b.py::test_other"


@dataclass
class Pair:
    """Two tests. at: (who stands, after which touch) with whom fails then. order: (first, second) that fails so.

    alone: how they end by themselves. chance: every so many times somebody fails, whatever happens.
    """

    at: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    order: tuple[str, str] | None = None
    alone: dict[str, Outcome] = field(default_factory=dict)
    chance: int = 0
    ran: int = 0

    def answers(self, probes: list[Probe]) -> list[Answer]:
        return [Answer(outcomes, outcomes[probe.asked]) for probe, outcomes in self._all(probes)]

    def _all(self, probes: list[Probe]) -> list[tuple[Probe, dict[str, Outcome]]]:
        failing: set[str] = set()
        self.ran += 1
        if self.chance and self.ran % self.chance == 0:
            failing = {ONE}
        stand = probes[0].stand
        if stand is not None:
            failing |= self.at.get((probes[0].asked, stand.touch), set())
            one_after_the_other = stand.touch == AT_ITS_END and tuple(one.asked for one in probes) == self.order
            failing |= {probes[1].asked} if one_after_the_other else set()
        if probes[0].tests == self.order:
            failing |= {probes[0].asked}
        return [
            (probe, {test: FAILED if test in failing else self.alone.get(test, PASSED) for test in probe.tests})
            for probe in probes
        ]


def found(pair: Pair, search: Any = None) -> Any:
    search = search or collision(Meeting(ONE, OTHER, ("port:8080",)))
    try:
        batch = next(search)
        while True:
            assert batch.at_once
            batch = search.send(pair.answers(list(batch.probes)))
    except StopIteration as end:
        return end.value


@given(
    st.dictionaries(
        st.tuples(st.sampled_from([ONE, OTHER]), st.sampled_from([1, 2, 3, AT_TEARDOWN])),
        st.sets(st.sampled_from([ONE, OTHER])),
    )
)
def test_who_fails_while_the_other_stands_is_found_with_whom(at):
    findings = found(Pair(at))
    assert {one.test for one in findings} == set().union(*at.values())
    for one in findings:
        assert one.sort is Sort.COLLISION
        assert one.needed == ({ONE: OTHER, OTHER: ONE}[one.test],)
        assert (one.alone, one.after, one.shared) == (PASSED, FAILED, ("port:8080",))
        assert one.stood


@pytest.mark.parametrize(
    "pair",
    [
        Pair({(ONE, 1): {OTHER}}, order=(ONE, OTHER)),
        Pair({(ONE, 1): {OTHER}}, alone={OTHER: FAILED}),
        Pair({(ONE, AT_ITS_END): {ONE}, (ONE, 1): {OTHER}}),
        *(Pair(chance=chance) for chance in range(2, 12)),
    ],
    ids=str,
)
def test_what_fails_in_an_order_alone_or_by_chance_is_no_collision(pair):
    assert found(pair) == []


@pytest.mark.parametrize(
    ("rates", "chance", "sort"), [((3, 10), 0, "collision"), ((3, 10), 7, "flaky"), ((0, 10), 0, "flaky")]
)
def test_what_is_well_with_nothing_beside_it_is_not_flaky(rates, chance, sort):
    finding = Finding(ONE, Sort.FLAKY, PASSED, rates=(rates, (4, 10)))
    assert found(Pair(chance=chance), without_company(finding, are_different)).sort.value == sort


def writing_tests(count: int, modules: Callable[[int], int], resource: str = "log") -> list[TestTouches]:
    return [
        TestTouches(f"test_{modules(number)}.py::test_{number}", frozenset({Touch(Kind.FILE, resource)}))
        for number in range(count)
    ]


def test_pairs_of_two_modules_come_first_and_those_that_are_left_out_are_counted():
    tests = writing_tests(40, lambda number: number % 2)
    chosen, of = meetings(tests, conflicts_among(tests))
    assert of == 40 * 39 // 2
    assert 0 < len(chosen) < of
    assert all(one.first.split("::")[0] != one.second.split("::")[0] for one in chosen)
    assert {one.resources for one in chosen} == {("file:log",)}


def test_each_resource_has_its_turn():
    tests = [one for number in range(MOST_MEETINGS + 50) for one in writing_tests(2, int, f"{number:03}")]
    by_name = {f"{one.test}-{place}": one for place, one in enumerate(tests)}
    named = [TestTouches(name, one.touches) for name, one in by_name.items()]
    chosen, of = meetings(named, conflicts_among(named))
    assert (len(chosen), of) == (MOST_MEETINGS, MOST_MEETINGS + 50)
    assert len({one.resources for one in chosen}) == MOST_MEETINGS


def test_what_markers_keep_apart_and_what_nobody_asked_for_is_not_tried():
    one, two, three = writing_tests(3, int)
    alone = TestTouches(one.test, one.touches, alone=True)
    assert [
        (each.first, each.second) for each in meetings([alone, two, three], conflicts_among([alone, two, three]))[0]
    ] == [(two.test, three.test)]
    assert meetings([one, two, three], conflicts_among([one, two, three]), {one.test})[1] == 2
