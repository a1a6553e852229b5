from __future__ import annotations

import math
from typing import Any

import pytest

from isolane.model.errors import ExitCode
from isolane.pool import PoolConfig, PoolValueError

NUMBERS = [
    "min_dispatch_delay_ms",
    "max_dispatch_delay_ms",
    "backoff_multiplier",
    "recovery_step_ms",
    "max_capacity_retry_seconds",
]


def test_defaults() -> None:
    assert PoolConfig() == PoolConfig(1, 0, 5000, 2.0, 50, 3600)


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "2", None])
def test_a_pool_has_a_whole_number_of_permits(value: Any) -> None:
    with pytest.raises(PoolValueError, match=r"pool_size is .*\. It has to be a whole number from 1\."):
        PoolConfig(pool_size=value)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-1, math.nan, math.inf, -math.inf, True, "5", None])
def test_a_number_that_cannot_be_meant(name: str, value: Any) -> None:
    with pytest.raises(PoolValueError, match=f"^{name} is .* It has to be a "):
        PoolConfig(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_dispatch_delay_ms", 0),
        ("backoff_multiplier", 1),
        ("recovery_step_ms", 0),
        ("max_capacity_retry_seconds", 0),
    ],
)
def test_what_would_never_back_off_or_never_recover(name: str, value: float) -> None:
    with pytest.raises(PoolValueError, match=name):
        PoolConfig(**{name: value})


def test_the_least_delay_is_not_over_the_most() -> None:
    with pytest.raises(PoolValueError, match="min_dispatch_delay_ms is 200, over max_dispatch_delay_ms, 100"):
        PoolConfig(min_dispatch_delay_ms=200, max_dispatch_delay_ms=100)
    assert PoolConfig(min_dispatch_delay_ms=100, max_dispatch_delay_ms=100).min_dispatch_delay_ms == 100


def test_a_mapping() -> None:
    assert PoolConfig.from_mapping({"pool_size": 3, "recovery_step_ms": 20}) == PoolConfig(3, recovery_step_ms=20)


@pytest.mark.parametrize(
    ("name", "hint"), [("pool_sise", "Did you mean pool_size?"), ("colour", "There are: pool_size, ")]
)
def test_a_field_that_there_is_not(name: str, hint: str) -> None:
    with pytest.raises(PoolValueError) as caught:
        PoolConfig.from_mapping({name: 3})

    assert caught.value.what == f"A pool has no setting {name!r}."
    assert caught.value.hint.startswith(hint)
    assert caught.value.exit_code == ExitCode.USAGE_ERROR
    assert isinstance(caught.value, ValueError)
