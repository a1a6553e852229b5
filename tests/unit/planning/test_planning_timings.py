"""Before and after, and whether a run was slower than those like it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.model.event_samples import run_finished, run_started

from isolane.model.events import RunFinished
from isolane.planning.timings import TimedRun, timing_rows


def timed(seconds: float, workers: int = 0, tests: int = 100, **header: Any) -> TimedRun:
    return TimedRun(run_started(workers=workers, **header), run_finished(seconds, tests=tests))


def slower(*seconds: float) -> float | None:
    """Return the mark of the first of these parallel runs, newest first."""
    return timing_rows([timed(one, workers=2) for one in seconds])[0].slower


@pytest.mark.req("R5.2")
def test_each_parallel_run_has_a_row_with_the_serial_run_before_it() -> None:
    newest, middle, oldest = timed(2.0, workers=4), timed(4.0, workers=2), timed(5.0, workers=2)
    rows = timing_rows([newest, timed(8.0), middle, timed(9.0), timed(7.0), oldest])

    assert [row.run for row in rows] == [newest, middle, oldest]
    assert [row.before for row in rows] == [8.0, 9.0, None]
    assert [row.speed_up for row in rows] == [4.0, 2.25, None]


@pytest.mark.req("R5.2")
def test_a_run_over_a_fifth_slower_than_the_median_is_marked_by_how_much() -> None:
    assert slower(12.5, 10.0) == pytest.approx(0.25)
    assert slower(15.0, 11.0, 9.0, 10.0) == pytest.approx(0.5)


@pytest.mark.req("R5.2")
def test_a_run_just_a_fifth_slower_is_not_marked() -> None:
    assert slower(12.0, 10.0) is None
    assert slower(6.0, 5.0) is None
    assert slower(5.0, 10.0) is None
    assert slower(99.0) is None


@pytest.mark.req("R5.2")
def test_one_slow_run_among_ten_is_no_measure() -> None:
    assert slower(12.5, 1000.0, *[10.0] * 9) == pytest.approx(0.25)


@pytest.mark.req("R5.2")
def test_only_the_last_ten_count() -> None:
    assert slower(12.5, *[12.0] * 10, *[1.0] * 30) is None
    assert slower(12.5, *[10.0] * 10, *[100.0] * 30) == pytest.approx(0.25)
    # of these ten the median is 15; an eleventh, or one fewer, would make it 10
    assert slower(16.5, *[10.0] * 5, *[20.0] * 5, 10.0) is None


def test_a_run_is_not_held_against_later_ones() -> None:
    rows = timing_rows([timed(1.0, workers=2), timed(10.0, workers=2)])

    assert [row.slower for row in rows] == [None, None]


@pytest.mark.parametrize(
    "other",
    [
        timed(1.0, workers=4),
        timed(1.0, workers=2, positional=("tests/unit",)),
        timed(1.0, workers=2, tests=89),
        timed(1.0, workers=2, tests=112),
    ],
    ids=["workers", "asked for", "fewer tests", "more tests"],
)
def test_only_runs_like_it_count(other: TimedRun) -> None:
    assert timing_rows([timed(10.0, workers=2), other])[0].slower is None


@pytest.mark.parametrize("tests", [90, 100, 111])
def test_a_few_tests_that_came_or_went_leave_runs_alike(tests: int) -> None:
    assert timing_rows([timed(10.0, workers=2), timed(5.0, workers=2, tests=tests)])[0].slower == pytest.approx(1.0)


def test_the_serial_run_before_is_one_of_the_same_tests() -> None:
    rows = timing_rows([timed(2.0, workers=2), timed(1.0, positional=("one.py",)), timed(1.5, tests=3), timed(9.0)])

    assert rows[0].before == 9.0


def test_runs_that_measured_nothing_are_no_division_by_zero() -> None:
    nothing = TimedRun(run_started(workers=2), RunFinished(1.0, 0))

    rows = timing_rows([timed(3.0, workers=2, tests=0), nothing, timed(0.0, tests=0)])

    assert [(row.slower, row.speed_up) for row in rows] == [(None, None), (None, None)]


def test_without_parallel_runs_there_are_no_rows() -> None:
    assert timing_rows([timed(1.0), timed(2.0)]) == []


def test_a_run_is_not_held_against_those_of_another_engine() -> None:
    newest, other = timed(20.0, workers=2, engine="xdist"), timed(1.0, workers=2, engine="fork")

    assert timing_rows([newest, other])[0].slower is None
    assert timing_rows([newest, other, timed(10.0, workers=2, engine="xdist")])[0].slower == pytest.approx(1.0)
