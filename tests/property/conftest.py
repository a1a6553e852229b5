"""Hypothesis for a machine that others use too: no deadline, and no more examples than a second holds."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "isolane",
    deadline=None,
    max_examples=100,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("isolane")
