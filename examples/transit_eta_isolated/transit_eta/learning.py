"""What is learned about a segment, the way between two stops. Pure functions; times are in seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from transit_eta.config import Settings

SECONDS_A_DAY = 86400.0
MINIMUM_HISTORY = 8
"""With fewer observations than this a deviation says too little to call anything an outlier."""
DEVIATION_FLOOR_SECONDS = 5.0
"""A phone sees a bus arrive no more exactly than this: also a history without any deviation has this one."""
LOW_CONFIDENCE = "low confidence"
OUTLIER = "outlier"


@dataclass(frozen=True)
class Observation:
    """One bus on one segment, as one device saw it. ``at`` is seconds since the Unix epoch."""

    segment: str
    device: str
    seconds: float
    confidence: float
    at: float


@dataclass(frozen=True)
class Learned:
    """Everything a segment's observations come down to."""

    count: int = 0
    mean: float = 0.0
    """Of all observations, each counted alike: what an outlier is measured against."""
    squares: float = 0.0
    """The sum of squared differences from the mean."""
    recent: float = 0.0
    """The mean that forgets: what an arrival is predicted from."""
    last_at: float = 0.0

    @property
    def variance(self) -> float:
        """Return the sample variance in seconds squared (divided by count - 1), 0 for fewer than two."""
        return self.squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def deviation(self) -> float:
        """Return the standard deviation in seconds."""
        return math.sqrt(self.variance)


def half_life_weight(days: float, half_life_days: float) -> float:
    """Return the share of what was learned that is replaced after that many days: 1 - 2^(-days / half-life).

    0 at once, 1/2 after one half-life, 3/4 after two. Exponential smoothing of a series with uneven steps, as
    in Zumbach and Müller, "Operators on inhomogeneous time series", 2001, with the time constant given as a
    half-life. Time that runs backwards (a report that comes late) counts as no time.
    """
    return 1.0 - math.pow(2.0, -max(days, 0.0) / half_life_days)


def add(learned: Learned, seconds: float, at: float, half_life_days: float) -> Learned:
    """Return what is known after one more observation.

    Mean and squares are updated by Welford's recurrence ("Note on a method for calculating corrected sums of
    squares and products", Technometrics 4, 1962), which keeps its figures where a difference of two large
    sums would lose them. The recent mean moves by the half-life weight of the days since the last
    observation, but never by less than 1/count, a plain mean's step: else buses minutes apart would hardly
    count, and the first one would for ever.
    """
    count = learned.count + 1
    difference = seconds - learned.mean
    mean = learned.mean + difference / count
    days = (at - learned.last_at) / SECONDS_A_DAY
    weight = max(half_life_weight(days, half_life_days), 1.0 / count) if learned.count else 1.0
    return Learned(
        count=count,
        mean=mean,
        squares=learned.squares + difference * (seconds - mean),
        recent=learned.recent + weight * (seconds - learned.recent),
        last_at=max(learned.last_at, at) if learned.count else at,
    )


def is_outlier(learned: Learned, seconds: float, outlier_sigma: float) -> bool:
    """Tell whether an observation is further from the mean than so many standard deviations.

    Shewhart's control limits ("Economic Control of Quality of Manufactured Product", 1931), once there are
    MINIMUM_HISTORY observations, with a floor under the deviation: a history of equal values, whose deviation
    is 0, neither lets everything pass nor calls a second's difference an outlier.
    """
    if learned.count < MINIMUM_HISTORY:
        return False
    return abs(seconds - learned.mean) > outlier_sigma * max(learned.deviation, DEVIATION_FLOOR_SECONDS)


def shrinkage(count: int, n0: float) -> float:
    """Return how far to trust what was learned over the timetable, 0 to 1: count / (count + n0).

    The credibility factor of Bühlmann, "Experience rating and credibility", ASTIN Bulletin 4, 1967: at n0
    observations both count alike.
    """
    return count / (count + n0) if count else 0.0


def estimate(learned: Learned, timetable_seconds: float, settings: Settings) -> float:
    """Return the predicted seconds: the recent mean, shrunk towards the timetable."""
    weight = shrinkage(learned.count, settings.n0)
    return weight * learned.recent + (1.0 - weight) * timetable_seconds


def learn(learned: Learned, observation: Observation, settings: Settings) -> tuple[Learned, str | None]:
    """Return what is known after the observation, and why it was not learned from, None if it was."""
    if observation.confidence < settings.mapmatch_min_conf:
        return learned, LOW_CONFIDENCE
    if is_outlier(learned, observation.seconds, settings.outlier_sigma):
        return learned, OUTLIER
    return add(learned, observation.seconds, observation.at, settings.half_life_days), None
