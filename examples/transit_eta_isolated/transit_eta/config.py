"""Settings, from environment variables that begin with BMTC_."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import lru_cache


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable, "")
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{variable} is not a number: {text!r}") from None


@dataclass(frozen=True)
class Settings:
    """What the service is run with. What is not given is read from the environment."""

    n0: float = field(default_factory=lambda: _number("BMTC_N0", 20.0))
    """How many observations the timetable is worth; 0 or more."""
    half_life_days: float = field(default_factory=lambda: _number("BMTC_HALF_LIFE_DAYS", 30.0))
    """After how many days what was learned counts half; over 0."""
    outlier_sigma: float = field(default_factory=lambda: _number("BMTC_OUTLIER_SIGMA", 3.0))
    """How many standard deviations from the mean an observation may be; over 0."""
    mapmatch_min_conf: float = field(default_factory=lambda: _number("BMTC_MAPMATCH_MIN_CONF", 0.7))
    """How sure the map matcher must be that the bus was on this segment; 0 to 1."""
    api_key: str = field(default_factory=lambda: os.environ.get("BMTC_API_KEY", ""), repr=False)
    """The bearer key; while it is empty no request is authorised."""
    db_path: str = field(default_factory=lambda: os.environ.get("BMTC_DB_PATH") or ":memory:")
    """The SQLite file; without one, what is learned is forgotten when the process ends."""

    def __post_init__(self) -> None:
        """Refuse values that have no meaning with a ``ValueError``."""
        if not (math.isfinite(self.n0) and self.n0 >= 0):
            raise ValueError(f"n0 must be 0 or more, not {self.n0}")
        if not (math.isfinite(self.half_life_days) and self.half_life_days > 0):
            raise ValueError(f"half_life_days must be over 0, not {self.half_life_days}")
        if not (math.isfinite(self.outlier_sigma) and self.outlier_sigma > 0):
            raise ValueError(f"outlier_sigma must be over 0, not {self.outlier_sigma}")
        if not 0 <= self.mapmatch_min_conf <= 1:
            raise ValueError(f"mapmatch_min_conf must be from 0 to 1, not {self.mapmatch_min_conf}")


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the process's settings, read once."""
    return Settings()
