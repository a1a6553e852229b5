"""How long a test will probably take, from how long it took before. Pure mathematics; times in seconds."""

from __future__ import annotations

import math
from typing import NamedTuple

HALF_LIFE_DAYS = 30.0
PRIOR_WEIGHT = 0.2
"""n0: how many observations the mean of the file counts for. Bühlmann's factor is the variance of one test's durations
over the variance between a file's tests. Nine real suites had 0.06 to 7.8, their median is 0.22."""
OUTLIER_SIGMA = 3.0
LONGEST = 1e9
"""Thirty years: what is over it is no duration, and its square would be no number."""

_HALF_LIFE = HALF_LIFE_DAYS * 86_400
_ENOUGH = 2.5
"""With less weight than three recent observations nobody knows what is usual, so nothing is an outlier."""
_WIDENING = 10.0
_LEAST_SPREAD = 0.1
_LEAST_SPREAD_SECONDS = 0.001
"""A spread under a tenth of the mean, or under a millisecond, is luck. Without a least one, a test that always took
the same time could never be seen to take another."""


class DurationEstimate(NamedTuple):
    """What is known of one test's duration.

    weight: how many observations it is worth, each as of ``at``. mean, spread (standard deviation): seconds.
    at: when the newest observation was made, seconds since the Unix epoch. The default is: nothing known.

    >>> DurationEstimate().observe(2.0, at=0.0).observe(4.0, at=0.0)
    DurationEstimate(weight=2.0, mean=3.0, spread=1.0, at=0.0)
    """

    weight: float = 0.0
    mean: float = 0.0
    spread: float = 0.0
    at: float = 0.0

    def observe(self, seconds: float, at: float) -> DurationEstimate:
        """Return the estimate with one observation more. ``ValueError`` for what is no duration, NaN among it.

        An observation made t before another counts 2^(−t / half-life) of it. As time goes on all weights shrink by
        the same factor, which leaves mean and spread as they are; so the update gives what the weighted sums over
        all observations would give, in whichever order these come. Source: West, "Updating mean and variance
        estimates: an improved method", Communications of the ACM 22, 1979, with M2 kept as spread² × weight.

        Once there is enough to know what is usual, an observation further than 3 spreads from the mean is taken for
        one that is 3 spreads away, so a single one moves the mean by at most 3 spreads × its share of the weight.
        Source: Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964. The
        spread it widens by up to ten times that distance: so a test that has really changed is believed after a few
        runs, and one night that the machine slept through does not make everything usual.
        """
        if not (0 <= seconds <= LONGEST and math.isfinite(at)):
            raise ValueError(f"{seconds} seconds at {at} are no duration")
        if not self.weight:
            return DurationEstimate(1.0, seconds, 0.0, at)
        if at >= self.at:
            known, new, latest = self.weight * _remaining(at - self.at), 1.0, at
        else:
            known, new, latest = self.weight, _remaining(self.at - at), self.at
        away = step = seconds - self.mean
        if known >= _ENOUGH:
            most = OUTLIER_SIGMA * max(self.spread, _LEAST_SPREAD * self.mean, _LEAST_SPREAD_SECONDS)
            step = min(max(away, -most), most)
            away = min(max(away, -_WIDENING * most), _WIDENING * most)
        weight = known + new
        share = new / weight
        moved = share * step
        # Around the new mean: that of what was known, and the new observation's own square.
        variance = (1 - share) * (self.spread * self.spread + moved * moved) + share * (away - moved) ** 2
        return DurationEstimate(weight, self.mean + moved, math.sqrt(variance), latest)

    def expected(self, prior: float, now: float | None = None) -> float:
        """Return the seconds to expect, of a test whose file (or suite) takes ``prior`` seconds on average.

        now: seconds since the Unix epoch; None: when the newest observation was made.
        """
        return shrunk(self.mean, self.weight, 0.0 if now is None else now - self.at, prior)


def shrunk(mean: float, weight: float, age: float, prior: float) -> float:
    """Return the seconds to expect: n / (n + n0) of a test's own mean, the rest of ``prior``.

    weight: what the mean was worth ``age`` seconds ago (of a negative age: now); n is what is left of that.
    Source: Bühlmann, "Experience rating and credibility", ASTIN Bulletin 4, 1967.

    >>> shrunk(1.0, weight=0.2, age=0.0, prior=3.0)
    2.0
    """
    if age > 0:
        weight *= _remaining(age)
    return prior + weight / (weight + PRIOR_WEIGHT) * (mean - prior)


def _remaining(seconds: float) -> float:
    """Return what an observation's weight is multiplied by in that time: 2^(−t / half-life)."""
    return math.pow(2.0, -seconds / _HALF_LIFE)
