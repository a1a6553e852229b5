"""Expected durations: equal to the weighted sums that they stand for, and moved only as far as they should be."""

from __future__ import annotations

from math import isfinite, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from isolane.statistics.expected_duration import HALF_LIFE_DAYS, OUTLIER_SIGMA, DurationEstimate

HALF_LIFE = HALF_LIFE_DAYS * 86_400
START = 1_764_000_000.0
durations = st.floats(0, 1e5, allow_subnormal=False)
times = st.floats(START - 4 * HALF_LIFE, START)
histories = st.lists(st.tuples(durations, times), min_size=1, max_size=20)


def after(history: list[tuple[float, float]]) -> DurationEstimate:
    estimate = DurationEstimate()
    for seconds, at in history:
        estimate = estimate.observe(seconds, at)
    return estimate


# Within 3 of the least spreads of one another: nothing is an outlier, and the definition is the whole truth.
@given(st.lists(st.tuples(st.floats(100.0, 125.0), times), min_size=1, max_size=20))
def test_it_is_what_the_weighted_sums_over_all_observations_give_in_any_order(
    history: list[tuple[float, float]],
) -> None:
    newest = max(at for _, at in history)
    weights = [2 ** (-(newest - at) / HALF_LIFE) for _, at in history]
    weight = sum(weights)
    mean = sum(part * seconds for part, (seconds, _) in zip(weights, history, strict=True)) / weight
    variance = sum(part * (seconds - mean) ** 2 for part, (seconds, _) in zip(weights, history, strict=True)) / weight

    estimate = after(history)

    assert estimate.weight == pytest.approx(weight)
    assert estimate.mean == pytest.approx(mean)
    assert estimate.spread == pytest.approx(sqrt(variance), rel=1e-6, abs=1e-6)
    assert estimate.at == newest


@given(histories, durations, st.one_of(st.none(), times, st.floats(START, START + 100 * HALF_LIFE)))
def test_what_is_expected_lies_between_the_prior_and_what_was_seen(
    history: list[tuple[float, float]], prior: float, now: float | None
) -> None:
    seen = [seconds for seconds, _ in history]

    estimate = after(history)
    expected = estimate.expected(prior, now)

    slack = 1e-9 * max(*seen, prior, 1.0)
    assert min(seen) - slack <= estimate.mean <= max(seen) + slack
    assert min(estimate.mean, prior) - slack <= expected <= max(estimate.mean, prior) + slack
    assert all(isfinite(part) and part >= 0 for part in (*estimate, estimate.mean, expected))


@given(histories, durations, durations, times, durations)
def test_a_longer_run_never_makes_it_shorter(
    history: list[tuple[float, float]], one: float, other: float, at: float, prior: float
) -> None:
    shorter, longer = sorted((one, other))
    before = after(history)

    slack = 1e-9 * (max(seconds for seconds, _ in history) + longer + prior)
    assert before.observe(shorter, at).expected(prior) <= before.observe(longer, at).expected(prior) + slack


@given(histories, durations, durations)
def test_a_longer_prior_never_makes_it_shorter(history: list[tuple[float, float]], one: float, other: float) -> None:
    shorter, longer = sorted((one, other))
    estimate = after(history)

    assert estimate.expected(shorter) <= estimate.expected(longer) + 1e-9 * (longer + estimate.mean)


@given(histories, st.floats(0, 1e9), times)
def test_one_outlier_moves_it_by_a_bounded_amount(
    history: list[tuple[float, float]], seconds: float, at: float
) -> None:
    before = after(history)
    assume(before.weight * 2 ** (-max(0.0, at - before.at) / HALF_LIFE) >= 3)

    moved = abs(before.observe(seconds, at).mean - before.mean)

    # No share of a new observation is over a fourth, with three in hand.
    bound = OUTLIER_SIGMA * max(before.spread, 0.1 * before.mean, 0.001) / 4
    assert moved <= bound * (1 + 1e-9)


@given(histories, durations)
def test_time_alone_leads_to_the_prior_and_never_away_from_it(history: list[tuple[float, float]], prior: float) -> None:
    estimate = after(history)

    distances = [
        abs(estimate.expected(prior, estimate.at + half_lives * HALF_LIFE) - prior) for half_lives in (0, 1, 5, 60)
    ]

    assert distances == sorted(distances, reverse=True)
    assert distances[-1] <= 1e-12 * (estimate.mean + prior + 1)
