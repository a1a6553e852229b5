"""Flake rates: bounds that hold the truth, and move the right way."""

from __future__ import annotations

from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isolane.statistics.flake_rate import clopper_pearson, upper_bound_without_failure

confidences = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])
counts = st.integers(1, 60).flatmap(lambda runs: st.tuples(st.integers(0, runs), st.just(runs)))


def at_least(failures: int, runs: int, rate: float) -> float:
    """Return the binomial probability of that many or more, term by term from the definition."""
    return sum(comb(runs, k) * rate**k * (1 - rate) ** (runs - k) for k in range(failures, runs + 1))


@given(counts, confidences)
def test_the_interval_holds_the_observed_rate_and_stays_between_0_and_1(
    observed: tuple[int, int], confidence: float
) -> None:
    failures, runs = observed
    low, high = clopper_pearson(failures, runs, confidence)

    assert 0 <= low <= failures / runs <= high <= 1
    assert low < high


@given(counts, confidences)
def test_each_end_leaves_half_of_the_doubt_in_its_tail(observed: tuple[int, int], confidence: float) -> None:
    failures, runs = observed
    low, high = clopper_pearson(failures, runs, confidence)

    tail = (1 - confidence) / 2
    if failures:
        assert at_least(failures, runs, low) == pytest.approx(tail, rel=1e-6)
    if failures < runs:
        assert 1 - at_least(failures + 1, runs, high) == pytest.approx(tail, rel=1e-6)


@given(counts, confidences)
def test_failures_and_passes_mirror_each_other(observed: tuple[int, int], confidence: float) -> None:
    failures, runs = observed
    low, high = clopper_pearson(failures, runs, confidence)

    assert clopper_pearson(runs - failures, runs, confidence) == pytest.approx((1 - high, 1 - low), abs=1e-9)


@given(counts, confidences)
def test_one_more_failure_raises_both_ends(observed: tuple[int, int], confidence: float) -> None:
    failures, runs = observed
    if failures == runs:
        failures -= 1
    low, high = clopper_pearson(failures, runs, confidence)
    more_low, more_high = clopper_pearson(failures + 1, runs, confidence)

    assert more_low > low
    assert more_high > high


@given(counts, st.sampled_from([(0.5, 0.8), (0.9, 0.95), (0.95, 0.999)]))
def test_more_confidence_makes_a_wider_interval(observed: tuple[int, int], pair: tuple[float, float]) -> None:
    narrow, wide = (clopper_pearson(*observed, confidence) for confidence in pair)

    assert wide[0] <= narrow[0]
    assert wide[1] >= narrow[1]
    assert wide != narrow


@given(st.integers(0, 10_000), confidences)
def test_each_clean_run_lowers_the_bound(runs: int, confidence: float) -> None:
    bound = upper_bound_without_failure(runs, confidence)

    assert 0 < upper_bound_without_failure(runs + 1, confidence) < bound <= 1
    # The bound is where that many clean runs have just the probability that is left.
    assert (1 - bound) ** runs == pytest.approx(1 - confidence if runs else 1.0)


@settings(max_examples=30)
@given(st.integers(1, 500))
def test_the_one_sided_bound_is_the_end_of_an_interval_with_twice_the_doubt(runs: int) -> None:
    assert upper_bound_without_failure(runs, 0.95) == pytest.approx(clopper_pearson(0, runs, 0.90)[1], abs=1e-9)
