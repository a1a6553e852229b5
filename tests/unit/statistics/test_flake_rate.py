"""Flake rates against figures that others worked out."""

from __future__ import annotations

import pytest

from isolane.statistics.flake_rate import (
    are_different,
    clean_runs_for,
    clopper_pearson,
    fisher,
    highest_rate,
    is_settled,
    smallest_rate_seen,
    upper_bound_without_failure,
)

EXACT_INTERVALS = [
    # failures, runs, confidence, low, high: scipy 1.17.1, scipy.stats.binomtest(k, n).proportion_ci(c, method="exact")
    (0, 1, 0.95, 0.0, 0.975),
    (1, 1, 0.95, 0.025, 1.0),
    (0, 10, 0.95, 0.0, 0.3084971078),
    (1, 10, 0.95, 0.0025285785, 0.4450161170),
    (5, 10, 0.95, 0.1870860284, 0.8129139716),
    (10, 10, 0.95, 0.6915028922, 1.0),
    (3, 20, 0.95, 0.0320709372, 0.3789268265),
    (1, 100, 0.95, 0.0002531460, 0.0544593854),
    (50, 100, 0.95, 0.3983211295, 0.6016788705),
    (2, 30, 0.99, 0.0035026625, 0.2740013472),
    (7, 1000, 0.90, 0.0032897874, 0.0131077154),
    (500, 1000, 0.95, 0.4685491730, 0.5314508270),
]
CLEAN_BOUNDS = [
    # runs, confidence, bound: scipy 1.17.1, scipy.stats.beta.ppf(c, 1, n)
    (1, 0.95, 0.95),
    (3, 0.90, 0.5358411166),
    (10, 0.95, 0.2588655509),
    (20, 0.99, 0.2056717653),
    (59, 0.95, 0.0495076099),  # the first under 5%
    (100, 0.95, 0.0295130496),
    (300, 0.95, 0.0099360819),  # the rule of three: about 3 / 300
]
EXACT_TESTS = [
    # bad, runs, others, of, p, two-sided
    (3, 4, 1, 4, 0.4857142857),  # the lady tasting tea: Fisher, The Design of Experiments, 1935; R, ?fisher.test
    (10, 13, 2, 17, 0.0005367241),  # convicts' twins: Fisher 1934, section 21.02; R, ?fisher.test
    (8, 10, 1, 6, 0.0349650350),  # SciPy's documentation, scipy.stats.fisher_exact
    (1, 12, 9, 12, 0.0027594562),  # students who study: Wikipedia, Fisher's exact test
]


@pytest.mark.parametrize(("failures", "runs", "confidence", "low", "high"), EXACT_INTERVALS)
def test_the_interval_is_the_published_one(
    failures: int, runs: int, confidence: float, low: float, high: float
) -> None:
    assert clopper_pearson(failures, runs, confidence) == pytest.approx((low, high), abs=1e-9)


@pytest.mark.parametrize(("runs", "confidence", "bound"), CLEAN_BOUNDS)
def test_the_bound_after_clean_runs_is_the_published_one(runs: int, confidence: float, bound: float) -> None:
    assert upper_bound_without_failure(runs, confidence) == pytest.approx(bound, abs=1e-9)


def test_95_percent_is_what_is_meant_where_nothing_is_said() -> None:
    assert clopper_pearson(1, 10) == clopper_pearson(1, 10, 0.95)
    assert upper_bound_without_failure(10) == upper_bound_without_failure(10, 0.95)


def test_no_run_leaves_everything_possible() -> None:
    assert upper_bound_without_failure(0) == 1.0


@pytest.mark.parametrize(
    ("failures", "runs", "confidence"), [(-1, 10, 0.95), (11, 10, 0.95), (0, 0, 0.95), (1, 10, 0.0), (1, 10, 1.0)]
)
def test_what_makes_no_sense_is_refused(failures: int, runs: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="make no sense"):
        clopper_pearson(failures, runs, confidence)


@pytest.mark.parametrize(("runs", "confidence"), [(-1, 0.95), (10, 0.0), (10, 1.0)])
def test_a_bound_that_makes_no_sense_is_refused(runs: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        upper_bound_without_failure(runs, confidence)


@pytest.mark.parametrize("runs", range(6, 60, 7))
def test_at_the_smallest_rate_seen_all_runs_agree_in_one_case_of_twenty(runs: int) -> None:
    rate = smallest_rate_seen(runs)
    assert rate is not None
    assert (1 - rate) ** runs + rate**runs == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("runs", range(1, 6))
def test_few_runs_see_no_rate_for_sure(runs: int) -> None:
    assert smallest_rate_seen(runs) is None


def test_the_smallest_rate_seen_of_no_runs_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="runs 0"):
        smallest_rate_seen(0)


@pytest.mark.parametrize("rate", [0.5, 0.26, 0.1, 0.05, 0.01, 0.001])
def test_so_many_clean_runs_and_none_fewer_bring_the_bound_to_the_rate(rate: float) -> None:
    runs = clean_runs_for(rate)
    assert upper_bound_without_failure(runs) <= rate + 1e-9 < upper_bound_without_failure(runs - 1)
    assert is_settled(0, runs, rate)
    assert not is_settled(0, runs - 1, rate)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1])
def test_no_number_of_runs_shows_a_rate_of_nothing(rate: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        clean_runs_for(rate)


def test_a_failure_makes_it_take_longer_and_many_settle_it_the_other_way() -> None:
    assert highest_rate(1, 299) == clopper_pearson(1, 299)[1] > 0.01
    assert not is_settled(1, 299, 0.01)
    assert is_settled(1, 600, 0.01)
    assert is_settled(10, 10, 0.01)
    assert not is_settled(0, 0, 0.99)


@pytest.mark.parametrize(("bad", "runs", "others", "of", "p"), EXACT_TESTS)
def test_two_rates_are_told_apart_as_published(bad: int, runs: int, others: int, of: int, p: float) -> None:
    assert fisher(bad, runs, others, of) == pytest.approx(p, abs=1e-9)
    assert fisher(others, of, bad, runs) == pytest.approx(p, abs=1e-9)
    assert fisher(runs - bad, runs, of - others, of) == pytest.approx(p, abs=1e-9)
    assert are_different(bad, runs, others, of) == (p < 0.01)


@pytest.mark.parametrize(("bad", "runs", "others", "of"), [(0, 10, 0, 10), (10, 10, 3, 3), (0, 0, 5, 9), (0, 0, 0, 0)])
def test_one_rate_is_one(bad: int, runs: int, others: int, of: int) -> None:
    assert fisher(bad, runs, others, of) == pytest.approx(1.0)


@pytest.mark.parametrize(("bad", "runs", "others", "of"), [(-1, 10, 0, 10), (11, 10, 0, 10), (0, 10, 11, 10)])
def test_rates_that_make_no_sense_are_refused(bad: int, runs: int, others: int, of: int) -> None:
    with pytest.raises(ValueError, match="make no sense"):
        fisher(bad, runs, others, of)
