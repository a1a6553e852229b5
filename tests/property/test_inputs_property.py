"""Tests that end by the seed or by the clock, in a model of them; and those that only seem to."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.explanation import Explained
from isolane.model.hunt import NOW, Answer, Finding, Probe, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.state import Change, Leak
from isolane.planning.inputs import CLOCKS, SEEDS, by_its_inputs

FAILED = Outcome(Category.FAILED, "AssertionError")
TEST, POLLUTER = "test_b.py::test", "test_a.py::test"
VICTIM = Finding(TEST, Sort.VICTIM, PASSED, FAILED, (POLLUTER,))
BROKEN = Finding(TEST, Sort.BROKEN, FAILED)
FLAKY = Finding(TEST, Sort.FLAKY, PASSED, FAILED, rates=((5, 10), (5, 10)))


def carried_by(kind: str) -> tuple[Explained, ...]:
    return (Explained(Leak(POLLUTER, Change(kind, "name", None, 1)), at_import=False),)


def end(finding: Finding, ends: Callable[[Probe], Outcome]) -> tuple[Finding, int]:
    search, probes = by_its_inputs(finding), 0
    try:
        batch = next(search)
        while True:
            probes += len(batch.probes)
            batch = search.send([Answer({TEST: ends(one)}, ends(one)) for one in batch.probes])
    except StopIteration as found:
        return found.value, probes


@given(st.sets(st.sampled_from(list(SEEDS))), st.sampled_from([VICTIM, BROKEN]))
def test_what_ends_by_the_seed_is_nobodys_victim(seeds, finding):
    turned = FAILED if finding is VICTIM else PASSED
    found, _ = end(finding, lambda probe: turned if probe.seed in seeds else finding.alone)
    if 0 < len(seeds) < len(SEEDS):
        assert (found.sort, found.seeds, found.needed, found.after) == (Sort.SEED, tuple(sorted(seeds)), (), turned)
    else:
        assert found == finding


@given(st.sets(st.sampled_from(list(CLOCKS)), min_size=1, max_size=len(CLOCKS) - 1))
def test_what_ends_by_the_clock_is_neither_broken_nor_flaky(clocks):
    for finding in (BROKEN, FLAKY):
        turned = PASSED if finding is BROKEN else FAILED
        found, _ = end(finding, lambda probe: turned if probe.clock in clocks else finding.alone)  # noqa: B023
        assert (found.sort, set(found.clocks), found.after) == (Sort.TIME, clocks, turned)


def test_what_a_clock_of_ours_does_is_not_the_times_doing():
    ends = {None: FAILED, NOW: PASSED, CLOCKS[0]: FAILED}
    assert end(BROKEN, lambda probe: ends.get(probe.clock, PASSED))[0] == BROKEN
    assert end(BROKEN, lambda probe: PASSED if probe.clock in (None, NOW, CLOCKS[0]) else FAILED)[0].sort is Sort.TIME


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_chance_is_neither_the_seed_nor_the_time(rate):
    for number in range(300):
        drawn = random.Random(number)
        for finding in (VICTIM, FLAKY):
            assert end(finding, lambda _: FAILED if drawn.random() < rate else PASSED)[0] == finding  # noqa: B023


@pytest.mark.parametrize(
    ("kind", "tried", "asked"), [("env", True, False), ("env", False, True), ("random_state", True, True)]
)
def test_seeds_are_asked_about_where_nothing_else_was_shown_to_carry_it(kind, tried, asked):
    finding = Finding(TEST, Sort.VICTIM, PASSED, FAILED, (POLLUTER,), carriers=carried_by(kind), tried=tried)
    assert bool(end(finding, lambda _: PASSED)[1]) is asked
