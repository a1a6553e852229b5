"""Expected durations, against figures worked out by hand."""

from __future__ import annotations

from math import inf, nan, sqrt

import pytest

from isolane.statistics.expected_duration import HALF_LIFE_DAYS, PRIOR_WEIGHT, DurationEstimate

DAY = 86_400.0
START = 1_764_000_000.0


def after(*observations: float, at: float = START) -> DurationEstimate:
    estimate = DurationEstimate()
    for seconds in observations:
        estimate = estimate.observe(seconds, at)
    return estimate


def test_of_a_test_that_never_ran_the_prior_is_expected() -> None:
    assert DurationEstimate().expected(0.25) == 0.25
    assert DurationEstimate().expected(0.25, now=START) == 0.25


def test_observations_of_one_moment_count_the_same() -> None:
    estimate = after(1.0, 2.0, 6.0, at=START)

    assert estimate.weight == 3
    assert estimate.mean == pytest.approx(3.0)
    assert estimate.spread == pytest.approx(sqrt(14 / 3))
    assert estimate.at == START


def test_an_observation_a_half_life_older_counts_half() -> None:
    older = after(1.0)

    estimate = older.observe(4.0, START + HALF_LIFE_DAYS * DAY)

    assert estimate.weight == pytest.approx(1.5)
    assert estimate.mean == pytest.approx((0.5 * 1.0 + 1.0 * 4.0) / 1.5)
    assert estimate.at == START + HALF_LIFE_DAYS * DAY


def test_one_that_comes_late_counts_by_when_it_was_made() -> None:
    late = after(4.0, at=START + HALF_LIFE_DAYS * DAY).observe(1.0, START)
    in_turn = after(1.0).observe(4.0, START + HALF_LIFE_DAYS * DAY)

    assert late == pytest.approx(in_turn)


def test_the_mean_of_the_file_counts_as_a_fifth_of_an_observation() -> None:
    assert PRIOR_WEIGHT == 0.2
    assert after(1.0).expected(0.4) == pytest.approx((1.0 + 0.2 * 0.4) / 1.2)
    assert after(1.0, 1.0, 1.0, 1.0).expected(0.4) == pytest.approx((4.0 + 0.2 * 0.4) / 4.2)


def test_what_was_seen_long_ago_gives_way_to_the_mean_of_the_file() -> None:
    estimate = after(1.0)

    assert estimate.expected(0.4, now=START) == estimate.expected(0.4)
    assert estimate.expected(0.4, now=START + 2 * HALF_LIFE_DAYS * DAY) == pytest.approx((0.25 + 0.2 * 0.4) / 0.45)
    assert estimate.expected(0.4, now=START + 100 * 365 * DAY) == pytest.approx(0.4)


def test_a_clock_that_was_set_back_makes_nothing_younger() -> None:
    assert after(1.0).expected(0.4, now=START - DAY) == after(1.0).expected(0.4)


def test_an_order_of_magnitude_is_known_after_one_run() -> None:
    """A test of ten seconds in a file of milliseconds, and one of a millisecond in a file of seconds."""
    assert 5 < after(10.0).expected(0.005) < 10
    assert after(0.001).expected(1.0) < 0.2
    assert after(0.001, 0.001, 0.001, 0.001).expected(1.0) < 0.05


def test_three_runs_know_what_is_usual_and_two_do_not() -> None:
    assert after(1.0, 1.0, 100.0).mean == pytest.approx(34.0)

    damped = after(1.0, 1.0, 1.0, 100.0)

    # A constant history has a spread of a tenth of its mean: 3 times that, a fourth of the weight.
    assert damped.mean == pytest.approx(1.0 + 0.3 / 4)


def test_an_outlier_far_below_is_damped_too() -> None:
    damped = after(10.0, 10.0, 10.0, 0.0)

    assert damped.mean == pytest.approx(10.0 - 3.0 / 4)


def test_what_lies_within_three_sigma_counts_in_full() -> None:
    usual = after(9.0, 11.0, 9.0, 11.0)
    assert (usual.mean, usual.spread) == (10.0, 1.0)

    assert usual.observe(12.9, START).mean == pytest.approx(10.0 + 2.9 / 5)
    assert usual.observe(13.1, START).mean == pytest.approx(10.0 + 3.0 / 5)


@pytest.mark.parametrize("runs", [10, 100])
@pytest.mark.parametrize(("before", "now"), [(0.0, 5.0), (0.01, 5.0), (5.0, 0.01)])
def test_a_test_that_has_really_changed_is_believed(before: float, now: float, runs: int) -> None:
    """A plain mean would be halfway after as many runs again; damping takes little of that away."""
    estimate = after(*[before] * runs)

    for _ in range(runs):
        estimate = estimate.observe(now, START)

    assert 0.3 < (estimate.mean - before) / (now - before) <= 0.5


def test_one_freak_does_not_make_the_next_usual() -> None:
    """Ten minutes in which the machine slept, twice, in a history of ten milliseconds."""
    estimate = after(*[0.009, 0.011] * 10)

    for _ in range(2):
        estimate = estimate.observe(600.0, START)

    assert estimate.mean < 0.03


def test_old_knowledge_calls_nothing_an_outlier() -> None:
    old = after(1.0, 1.0, 1.0, 1.0)

    assert old.observe(100.0, START + HALF_LIFE_DAYS * DAY).mean == pytest.approx((2 * 1.0 + 100.0) / 3)


@pytest.mark.parametrize("seconds", [nan, inf, -inf, -0.001, 2e9])
def test_what_is_no_duration_is_refused(seconds: float) -> None:
    for estimate in (DurationEstimate(), after(1.0)):
        with pytest.raises(ValueError, match="are no duration"):
            estimate.observe(seconds, START)


@pytest.mark.parametrize("at", [nan, inf])
def test_what_is_no_time_is_refused(at: float) -> None:
    with pytest.raises(ValueError, match="are no duration"):
        DurationEstimate().observe(1.0, at)
