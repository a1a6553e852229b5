"""The throttle against its rule, in any order of successes and failures, early and late."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from isolane.pool import AIMDThrottle, PoolConfig


class Throttling(RuleBasedStateMachine):
    @initialize(
        least=st.sampled_from([0, 5, 100]),
        room=st.sampled_from([1, 400, 10_000]),
        multiplier=st.sampled_from([1.01, 2, 10]),
        step=st.sampled_from([0.5, 50, 3000]),
    )
    def begin(self, least: float, room: float, multiplier: float, step: float) -> None:
        self.config = PoolConfig(
            min_dispatch_delay_ms=least,
            max_dispatch_delay_ms=least + room,
            backoff_multiplier=multiplier,
            recovery_step_ms=step,
        )
        self.throttle = AIMDThrottle(self.config)
        self.delay = self.peak = float(least)
        self.errors = self.successes = self.raises = 0
        self.now = self.felt_at = 0.0
        self.under_way: list[float] = []

    def raise_delay(self) -> None:
        config = self.config
        grown = (
            self.delay * config.backoff_multiplier
            if self.delay
            else max(config.recovery_step_ms, config.min_dispatch_delay_ms)
        )
        self.delay = min(grown, config.max_dispatch_delay_ms)
        self.peak = max(self.peak, self.delay)
        self.raises += 1

    @rule(seconds=st.sampled_from([0.001, 0.05, 1, 20]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def fail(self) -> None:
        self.errors += 1
        self.raise_delay()
        self.felt_at = self.delay / 1000
        assert self.throttle.on_capacity_error() == pytest.approx(self.delay)

    @rule()
    def succeed(self) -> None:
        self.successes += 1
        self.delay = max(self.delay - self.config.recovery_step_ms, self.config.min_dispatch_delay_ms)
        assert self.throttle.on_success() == pytest.approx(self.delay)

    @rule()
    def begin_a_call(self) -> None:
        self.under_way.append(self.now)

    @rule(data=st.data())
    def a_call_fails(self, data: st.DataObject) -> None:
        if not self.under_way:
            return
        began = self.under_way.pop(data.draw(st.integers(0, len(self.under_way) - 1), label="which"))
        self.errors += 1
        if not self.delay or began > self.felt_at - 1e-5:
            self.raise_delay()
            self.felt_at = self.now + self.delay / 1000
        assert self.throttle.on_capacity_error(began, self.now) == pytest.approx(self.delay)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "throttle"):
            return
        told = self.throttle.get_stats()
        assert (told.capacity_errors, told.successes, told.raises) == (self.errors, self.successes, self.raises)
        assert told.peak_delay_ms == pytest.approx(self.peak)
        assert self.config.min_dispatch_delay_ms <= told.current_delay_ms <= self.config.max_dispatch_delay_ms


Throttling.TestCase.settings = settings(max_examples=30, stateful_step_count=30)
TestThrottling = pytest.mark.req("PB1")(Throttling.TestCase)
