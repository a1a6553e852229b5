"""Pairs of times: the interval of their ratio, and what is said of it."""

from __future__ import annotations

import math
import random

import pytest

from isolane.statistics.paired_ratios import ratio_interval, verdict


def test_the_interval_of_four_pairs_by_hand() -> None:
    """Logarithms 0, 0.1, 0.2, 0.3: mean 0.15, deviation 0.1291, t of 3 degrees of freedom 3.182."""
    low, middle, high = ratio_interval([math.exp(one / 10) for one in range(4)], [1.0] * 4)
    assert math.log(middle) == pytest.approx(0.15)
    assert math.log(high) - math.log(middle) == pytest.approx(3.182 * 0.1290994 / 2, rel=1e-5)
    assert math.log(middle) - math.log(low) == pytest.approx(math.log(high) - math.log(middle))


def test_the_two_sides_are_alike() -> None:
    ours, theirs = [1.0, 1.3, 1.1], [2.0, 2.2, 1.9]
    low, middle, high = ratio_interval(ours, theirs)
    assert ratio_interval(theirs, ours) == pytest.approx((1 / high, 1 / middle, 1 / low))


@pytest.mark.parametrize("pairs", [2, 5, 40])
def test_the_truth_is_in_the_interval_as_often_as_is_said(pairs: int) -> None:
    draw = random.Random(5)
    hits = 0
    for _ in range(400):
        ours = [1.2 * draw.lognormvariate(0, 0.1) for _ in range(pairs)]
        low, _, high = ratio_interval(ours, [draw.lognormvariate(0, 0.1) for _ in range(pairs)])
        hits += low <= 1.2 <= high
    assert 0.91 <= hits / 400 <= 0.99


def test_of_one_pair_nothing_is_known() -> None:
    assert ratio_interval([2.0], [1.0]) == (0.0, 2.0, math.inf)
    assert verdict(ratio_interval([2.0], [1.0])) == "no difference"


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ((1.01, 1.2, 1.4), "slower"),
        ((0.99, 1.2, 1.4), "no difference"),
        ((1.01, 1.04, 1.06), "no difference"),
        ((0.6, 0.8, 0.99), "faster"),
        ((0.6, 0.8, 1.01), "no difference"),
        ((0.94, 0.96, 0.98), "no difference"),
    ],
)
def test_verdicts(interval: tuple[float, float, float], said: str) -> None:
    assert verdict(interval) == said
