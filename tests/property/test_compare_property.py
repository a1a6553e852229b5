"""Two runs of any outcomes: what compare finds is what a look at each test finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isolane.model.outcome import MISSING, Category, Outcome
from isolane.planning.compare import compare, same_outcome

details = st.sampled_from(["", "KeyError", "ValueError", "took 1 s", "took 2.5 s", "at 0x7f", "at 0xFFFF0000"])
ended = st.sampled_from([category for category in Category if category is not Category.MISSING])
outcomes = st.builds(Outcome, ended, details)
node_ids = st.sampled_from("abcdefgh")
runs = st.dictionaries(node_ids, outcomes, max_size=8)


@given(outcomes, outcomes, outcomes)
def test_being_the_same_is_an_equivalence(one: Outcome, other: Outcome, third: Outcome) -> None:
    assert same_outcome(one, one)
    assert same_outcome(one, other) == same_outcome(other, one)
    if same_outcome(one, other) and same_outcome(other, third):
        assert same_outcome(one, third)


@given(runs, runs, st.sets(node_ids, max_size=3))
def test_each_difference_is_found_once_with_both_outcomes(
    expected: dict[str, Outcome], found: dict[str, Outcome], ignored: set[str]
) -> None:
    differing = compare(expected, found, ignored)

    model = {
        (node_id, expected.get(node_id, MISSING), found.get(node_id, MISSING))
        for node_id in (expected.keys() | found.keys()) - ignored
        if not same_outcome(expected.get(node_id, MISSING), found.get(node_id, MISSING))
    }
    assert set(differing) == model
    assert len(differing) == len(model)


@given(runs, runs)
def test_differences_come_in_the_order_of_the_expected_run_and_extra_tests_last(
    expected: dict[str, Outcome], found: dict[str, Outcome]
) -> None:
    places = {
        node_id: place for place, node_id in enumerate([*expected, *(one for one in found if one not in expected)])
    }

    listed = [places[node_id] for node_id, _, _ in compare(expected, found)]

    assert listed == sorted(listed)


@given(runs)
def test_a_run_does_not_differ_from_itself(run: dict[str, Outcome]) -> None:
    assert compare(run, dict(reversed(run.items()))) == []
