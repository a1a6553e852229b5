"""Which runs are made and repeated, and what their failures are called."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from isolane.model.stress import Behaviour, StressOrders, Tally
from isolane.planning.stress import (
    MOST_REPEATED,
    batches,
    behaviour,
    first_repetitions,
    order_of_run,
    second_repetitions,
)
from isolane.statistics.flake_rate import are_different

HELD, VARIED = StressOrders(1, 20), StressOrders(1, 20, varied=True)
BESIDE = StressOrders(2, 20)
OUTCOMES = {"failed": 1}


def tally(failures: int, runs: int = 20, **more: object) -> Tally:
    return replace(Tally(failures, runs, OUTCOMES, first=1, well=2 if failures < runs else 0), **more)  # type: ignore[arg-type]


def called(one: Tally, *, varied: bool = False, side_by_side: bool = False) -> Behaviour:
    return behaviour(one, varied=varied, side_by_side=side_by_side, differs=are_different)


@pytest.mark.parametrize(
    ("one", "varied", "side_by_side", "name"),
    [
        (tally(3), False, False, Behaviour.FLAKY),
        (tally(20), False, False, Behaviour.BROKEN),
        (tally(20, by_itself=(5, 5)), False, False, Behaviour.BROKEN),
        (tally(20, by_itself=(1, 5)), False, False, Behaviour.BROKEN),
        (tally(20, by_itself=(0, 5)), False, False, Behaviour.ORDER),
        (tally(18, alone=(0, 5)), False, True, Behaviour.COLLISION),
        (tally(20, alone=(0, 5)), False, True, Behaviour.COLLISION),
        (tally(3, alone=(0, 5)), False, True, Behaviour.FLAKY),
        (tally(18, alone=(2, 5)), False, True, Behaviour.FLAKY),
        (tally(8), True, False, Behaviour.UNCLEAR),
        (tally(8, alone=(3, 5)), True, False, Behaviour.FLAKY),
        (tally(8, alone=(0, 5)), True, False, Behaviour.FLAKY),
        (tally(8, alone=(5, 5), elsewhere=(0, 5)), True, False, Behaviour.ORDER),
        (tally(8, alone=(5, 5), elsewhere=(2, 5)), True, False, Behaviour.FLAKY),
        (tally(8, alone=(5, 5)), True, False, Behaviour.UNCLEAR),
    ],
)
def test_one_word_for_one_thing(one: Tally, varied: bool, side_by_side: bool, name: Behaviour) -> None:
    assert called(one, varied=varied, side_by_side=side_by_side) is name


def test_a_test_that_failed_each_time_is_never_flaky() -> None:
    for failures in range(1, 30):
        for by_itself in ((0, 0), (0, 5), (3, 5), (5, 5)):
            for varied in (False, True):
                one = tally(failures, failures, by_itself=by_itself)
                assert called(one, varied=varied) in (Behaviour.BROKEN, Behaviour.ORDER)


def test_in_one_order_with_nothing_beside_it_there_is_nothing_to_tell_apart() -> None:
    assert first_repetitions({"a": tally(3)}, HELD, are_different) == []
    assert second_repetitions({"a": tally(3, alone=(5, 5))}, HELD) == []


def test_what_always_fails_is_run_by_itself_once_that_can_say_something() -> None:
    (one,) = first_repetitions({"a": tally(3, 3)}, HELD, are_different)
    assert (one.tests, one.of, one.whole) == (("a",), "by_itself", False)
    assert first_repetitions({"a": tally(2, 2)}, HELD, are_different) == []


def test_beside_others_only_frequent_failures_can_be_told_from_none() -> None:
    tallies = {"rare": tally(3, first=4), "frequent": tally(18, first=7)}
    assert [(one.number, one.tests) for one in first_repetitions(tallies, BESIDE, are_different)] == [
        (7, ("frequent",))
    ]


def test_a_failing_order_is_repeated_and_then_a_passing_one() -> None:
    tallies = {"a": tally(3, first=4, well=1), "b": tally(2, first=4, well=1), "c": tally(1, first=9, well=1)}
    first = first_repetitions(tallies, VARIED, are_different)
    assert [(one.number, one.tests, one.of) for one in first] == [(4, ("a", "b"), "alone"), (9, ("c",), "alone")]
    known = {**tallies, "a": replace(tallies["a"], alone=(5, 5)), "c": replace(tallies["c"], alone=(4, 5))}
    assert [(one.number, one.tests, one.of) for one in second_repetitions(known, VARIED)] == [(1, ("a",), "elsewhere")]


def test_no_more_than_a_few_runs_are_repeated() -> None:
    tallies = {str(number): tally(1, first=number) for number in range(1, 20)}
    assert len(first_repetitions(tallies, VARIED, are_different)) == MOST_REPEATED


def test_so_many_runs_as_asked_for_are_one_batch() -> None:
    assert list(batches(StressOrders(2, 10), 0)) == [range(1, 11)]


def test_a_rate_begins_with_as_many_as_clean_runs_would_take_and_goes_on() -> None:
    first, second = islice(batches(StressOrders(2, None, rate=0.01), 299), 2)
    assert first == range(1, 300)
    assert second.start == 300


def test_runs_bound_a_rate() -> None:
    assert [len(one) for one in batches(StressOrders(2, 100, rate=0.1), 29)] == [100]


def test_orders_are_whole_and_varied_by_their_seed() -> None:
    ids = [f"test_{number}.py::test_{part}" for number in range(5) for part in range(3)]
    assert order_of_run(ids, None) == tuple(range(15))
    assert sorted(order_of_run(ids, 3)) == list(range(15))
    assert order_of_run(ids, 3) != order_of_run(ids, 4)
