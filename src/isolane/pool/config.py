"""How many calls at a time, and how a pool backs off."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from isolane.pool.errors import PoolValueError


@dataclass(frozen=True)
class PoolConfig:
    """The settings of a pool; one that cannot be meant is a :class:`PoolValueError`.

    pool_size: calls at a time, from 1. min_dispatch_delay_ms, max_dispatch_delay_ms: the least and the most time from
    one call of a permit to its next. backoff_multiplier: what a capacity error multiplies that time by, over 1.
    recovery_step_ms: what a success takes off it, and what the first capacity error sets it to.
    max_capacity_retry_seconds: for how long a row is tried again, from its first call.
    """

    pool_size: int = 1
    min_dispatch_delay_ms: float = 0
    max_dispatch_delay_ms: float = 5000
    backoff_multiplier: float = 2.0
    recovery_step_ms: float = 50
    max_capacity_retry_seconds: float = 3600

    def __post_init__(self) -> None:
        _check(
            type(self.pool_size) is int and self.pool_size >= 1, "pool_size", self.pool_size, "a whole number from 1"
        )
        for name, least, words in (
            ("min_dispatch_delay_ms", 0.0, "a number from 0"),
            ("max_dispatch_delay_ms", 0.0, "a number over 0"),
            ("backoff_multiplier", 1.0, "a finite number over 1"),
            ("recovery_step_ms", 0.0, "a number over 0"),
            ("max_capacity_retry_seconds", 0.0, "a number over 0"),
        ):
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            good = number and (value > least or (value == least and name == "min_dispatch_delay_ms"))
            _check(good, name, value, words)
        if self.min_dispatch_delay_ms > self.max_dispatch_delay_ms:
            raise PoolValueError(
                "bad-pool-config",
                f"min_dispatch_delay_ms is {self.min_dispatch_delay_ms}, over max_dispatch_delay_ms, "
                f"{self.max_dispatch_delay_ms}.",
                "Make the least delay smaller, or the most larger.",
            )

    @classmethod
    def from_mapping(cls, settings: Mapping[str, Any]) -> PoolConfig:
        """Make a configuration from a file's section; a field that there is not is a :class:`PoolValueError`."""
        known = [field.name for field in fields(cls)]
        for name in settings:
            if name not in known:
                near = get_close_matches(str(name), known, 1)
                hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}."
                raise PoolValueError("bad-pool-config", f"A pool has no setting {name!r}.", hint)
        return cls(**settings)


def _check(good: bool, name: str, value: object, words: str) -> None:
    if not good:
        raise PoolValueError("bad-pool-config", f"{name} is {value!r}.", f"It has to be {words}.")
