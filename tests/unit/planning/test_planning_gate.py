"""Whether parallel runs may stay: each limit, on it and just over it."""

from __future__ import annotations

import pytest
from tests.unit.model.event_samples import ended, passed, run_finished

from isolane.model.outcome import Category
from isolane.model.record import RunRecord
from isolane.planning.gate import decide_gate

TESTS = [f"t{number:02}" for number in range(40)]


def run(seconds: float = 10.0, tests: list[str] = TESTS, **bad: Category) -> RunRecord:
    """Return a run in which all passed, but for those named with what became of them."""
    return RunRecord.of(
        [ended(name, bad[name], "KeyError") if name in bad else passed(name) for name in tests]
        + [run_finished(seconds, tests=len(tests))]
    )


def failing(*names: str, seconds: float = 10.0) -> RunRecord:
    return run(seconds, **dict.fromkeys(names, Category.FAILED))


def test_runs_that_agree_keep_parallel() -> None:
    decision = decide_gate([run()], [run(seconds=5.0)])

    assert decision.keep
    assert decision.reasons == ()
    assert decision.tests == ()
    assert decision.facts == (
        "1 parallel run against 1 serial",
        "0 of 40 tests newly flaky (0.0%)",
        "0 intermittent failures",
        "parallel / serial time 0.50",
    )


@pytest.mark.req("BO-1")
def test_two_intermittent_failures_in_three_runs_are_borne() -> None:
    decision = decide_gate([run()], [failing("t01", "t02"), run(), run()])

    assert decision.keep
    assert "2 intermittent failures" in decision.facts
    assert decision.tests == ("t01", "t02")


@pytest.mark.req("BO-1")
@pytest.mark.parametrize(
    "parallel",
    [
        [failing("t01"), failing("t01"), failing("t01")],
        [failing("t01", "t02"), run(), failing("t02")],
        [run(), run(), run(t01=Category.CRASHED, t02=Category.HUNG, t03=Category.SETUP_ERROR)],
    ],
    ids=["one in each run", "two tests", "all in one run"],
)
def test_a_third_intermittent_failure_goes_back_to_serial(parallel: list[RunRecord]) -> None:
    # 3 tests of 80 are under 5%, so that only this limit can speak
    many = run(tests=[*TESTS, *(f"more{number}" for number in range(40))])

    decision = decide_gate([many], parallel)

    assert not decision.keep
    assert decision.reasons == ("3 intermittent failures in 3 runs (over 2)",)


@pytest.mark.req("BO-1")
def test_only_the_last_three_runs_count() -> None:
    old = [failing(*TESTS, seconds=1000.0)] * 4

    assert decide_gate([run()], [run(), run(), run(), *old]).keep
    assert not decide_gate([run()], [run(), run(), *old]).keep


def test_five_percent_new_flakiness_is_borne_and_more_is_not() -> None:
    # Skipped tests are other outcomes but no failures, so that only this limit can speak.
    on_it = run(t00=Category.SKIPPED, t01=Category.SKIPPED)
    over_it = run(t00=Category.SKIPPED, t01=Category.SKIPPED, t02=Category.SKIPPED)

    assert decide_gate([run()], [on_it]).keep

    decision = decide_gate([run()], [over_it])
    assert not decision.keep
    assert decision.reasons == ("7.5% of the tests are newly flaky (over 5%)",)
    assert decision.tests == ("t00", "t01", "t02")


def test_a_test_is_counted_once_however_often_it_misbehaves() -> None:
    one = run(t00=Category.SKIPPED)

    assert "1 of 40 tests newly flaky (2.5%)" in decide_gate([run()], [one, one, one]).facts


def test_one_failure_is_said_in_the_singular() -> None:
    assert "1 intermittent failure" in decide_gate([run()], [failing("t00")]).facts


@pytest.mark.req("BO-2")
def test_twice_the_serial_time_is_borne_and_more_is_not() -> None:
    assert decide_gate([run(seconds=10.0)], [run(seconds=20.0)]).keep

    decision = decide_gate([run(seconds=10.0)], [run(seconds=20.5)])
    assert not decision.keep
    assert decision.reasons == ("parallel takes 2.0 × the serial time (over 2 ×)",)


@pytest.mark.req("BO-2")
def test_times_are_medians_of_the_last_three_so_that_one_slow_run_says_nothing() -> None:
    serial = [run(seconds=one) for one in (10.0, 1.0, 11.0, 0.1, 0.1, 0.1)]
    parallel = [run(seconds=one) for one in (500.0, 19.0, 18.0)]

    decision = decide_gate(serial, parallel)

    assert decision.keep
    assert "parallel / serial time 1.90" in decision.facts


def test_every_reason_is_given() -> None:
    decision = decide_gate([run()], [failing(*TESTS[:3], seconds=30.0)])

    assert len(decision.reasons) == 3


def test_a_test_that_is_flaky_serially_is_not_newly_flaky() -> None:
    serial = [run(), failing("t00"), run()]

    decision = decide_gate(serial, [failing("t00"), failing("t00"), failing("t00")])

    assert decision.keep
    assert decision.tests == ()


def test_a_test_that_fails_serially_too_is_no_intermittent_failure() -> None:
    broken = failing("t00", "t01", "t02")

    assert decide_gate([broken], [broken, broken, broken]).keep


def test_tests_that_the_serial_run_does_not_know_say_nothing() -> None:
    parallel = run(
        tests=[*TESTS, "new1", "new2", "new3"], new1=Category.FAILED, new2=Category.FAILED, new3=Category.HUNG
    )

    assert decide_gate([run()], [parallel]).keep


def test_a_test_that_only_the_newest_serial_run_knows_counts() -> None:
    older = run(tests=TESTS[1:])

    decision = decide_gate([run(), older], [failing("t00")])

    assert decision.tests == ("t00",)


def test_runs_without_tests_or_time_are_no_division_by_zero() -> None:
    nothing = RunRecord.of([run_finished(0.0, tests=0)])

    assert decide_gate([nothing], [nothing]).keep
