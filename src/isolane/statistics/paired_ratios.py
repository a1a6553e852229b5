"""Whether one of two things that were timed in pairs is quicker. Pure mathematics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

THRESHOLD = 0.05
"""A difference under 5 % is none that a person should act on: machines differ from themselves by as much."""
_T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t for 95 %, two-sided, by degrees of freedom from 1. Beyond 30 the last is taken: a little too wide."""


def ratio_interval(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Return low end, middle and high end of the ratio ours / theirs, with a confidence of 95 %.

    ours, theirs: seconds, pair by pair, each over 0. The mean of the logarithms of the pairs' ratios and Student's
    interval around it, taken back: what slows a machine down for a while multiplies both times of a pair alike, and
    twice as fast is as far from equal as half as fast. Of one pair nothing is known: from 0 to infinity. Source:
    Student, "The probable error of a mean", Biometrika 6, 1908.

    >>> ratio_interval([2.0, 2.0], [1.0, 1.0])
    (2.0, 2.0, 2.0)
    """
    logarithms = [math.log(one / other) for one, other in zip(ours, theirs, strict=True)]
    middle = fmean(logarithms)
    if len(logarithms) < 2:
        return 0.0, math.exp(middle), math.inf
    freedom = min(len(logarithms) - 1, len(_T_975))
    half = _T_975[freedom - 1] * stdev(logarithms) / math.sqrt(len(logarithms))
    return math.exp(middle - half), math.exp(middle), math.exp(middle + half)


def verdict(interval: tuple[float, float, float], threshold: float = THRESHOLD) -> str:
    """Return ``faster``, ``slower`` or ``no difference``.

    Faster and slower are said only where the whole interval lies on that side of equal, and its middle is further
    from it than the threshold.

    >>> verdict((0.7, 0.8, 0.9)), verdict((0.7, 0.9, 1.1)), verdict((0.97, 0.98, 0.99))
    ('faster', 'no difference', 'no difference')
    """
    low, middle, high = interval
    if high < 1 and middle < 1 - threshold:
        return "faster"
    if low > 1 and middle > 1 + threshold:
        return "slower"
    return "no difference"
