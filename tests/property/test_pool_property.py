"""The pool against a sequential model: rows one after the other, tried until they have what they come to."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isolane.model.clock import FakeClock
from isolane.pool import (
    CallTotals,
    CapacityError,
    MemoryAudit,
    PoolConfig,
    PooledExecutor,
    RowContext,
    TransformResult,
)

pytestmark = [pytest.mark.req("PB1")]
FOR_EVER = 1e12
ENDS = ("success", "several", "error", "exception")


@dataclass(frozen=True)
class Plan:
    """What a row's calls do: so many capacity errors, with a time to stay away or none, and then the end."""

    capacity_errors: int
    retry_after: float | None
    end: str


plans = st.lists(
    st.builds(
        Plan,
        st.integers(0, 4),
        st.one_of(st.none(), st.floats(0, 100)),
        st.sampled_from(ENDS),
    ),
    max_size=30,
)
configs = st.builds(
    PoolConfig,
    pool_size=st.integers(1, 8),
    min_dispatch_delay_ms=st.sampled_from([0, 0, 1, 30]),
    max_dispatch_delay_ms=st.sampled_from([40, 500, 5000]),
    backoff_multiplier=st.floats(1.1, 4),
    recovery_step_ms=st.floats(0.5, 200),
    max_capacity_retry_seconds=st.just(FOR_EVER),
)


def end_of(plan: Plan, number: int) -> TransformResult:
    if plan.end == "success":
        return TransformResult.success({"n": number})
    if plan.end == "several":
        return TransformResult.success_multi([number, number])
    if plan.end == "error":
        return TransformResult.error(f"no {number}")
    return TransformResult.error({"reason": "exception", "type": "ValueError", "error": f"bad {number}"})


class Place:
    """Does to rows what is planned for them, and counts the calls that are under way at once."""

    def __init__(self, plans: list[Plan]) -> None:
        self.plans = plans
        self.calls: Counter[int] = Counter()
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, number: int, state_id: str) -> TransformResult:
        with self._lock:
            self.calls[number] += 1
            attempt = self.calls[number]
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        try:
            plan = self.plans[number]
            if attempt <= plan.capacity_errors:
                raise CapacityError(429, retry_after=plan.retry_after)
            if plan.end == "exception":
                raise ValueError(f"bad {number}")
            return end_of(plan, number)
        finally:
            with self._lock:
                self.under_way -= 1


def contexts(count: int) -> list[RowContext]:
    return [RowContext(number, f"row-{number}", number) for number in range(count)]


@given(config=configs, plans=plans, streams=st.booleans())
@settings(max_examples=60)
def test_any_batch_in_any_pool(config: PoolConfig, plans: list[Plan], streams: bool) -> None:
    place = Place(plans)
    with PooledExecutor(config, clock=FakeClock()) as executor:
        run: Any = executor.stream if streams else executor.execute_batch
        results = list(run(contexts(len(plans)), place))
        told = executor.get_stats()
        assert isinstance(executor.audit, MemoryAudit)
        trail = executor.audit.records

    assert results == [end_of(plan, number) for number, plan in enumerate(plans)]
    assert place.calls == Counter({number: plan.capacity_errors + 1 for number, plan in enumerate(plans)})
    assert place.most <= config.pool_size
    assert told.calls == CallTotals.of(trail)
    assert told.calls.capacity_errors == told.calls.retries == sum(plan.capacity_errors for plan in plans)
    assert (told.pending_count, told.available_permits) == (0, config.pool_size)
    assert len({(one.state_id, one.call_index) for one in trail}) == len(trail) == sum(place.calls.values())
    for result, plan in zip(results, plans, strict=True):
        assert result.account is not None
        assert (result.account.calls, result.account.capacity_errors) == (
            plan.capacity_errors + 1,
            plan.capacity_errors,
        )
        assert result.account.elapsed_seconds >= plan.capacity_errors * (plan.retry_after or 0) * 0.999999


@given(config=configs, errors=st.lists(st.integers(0, 5), max_size=20))
@settings(max_examples=60)
def test_with_one_permit_the_delays_are_those_of_the_rule(config: PoolConfig, errors: list[int]) -> None:
    """One call at a time: the delay is the fold of what the calls came to, in the order of the trail."""
    alone = PoolConfig(**{**vars(config), "pool_size": 1})
    place = Place([Plan(count, None, "success") for count in errors])
    with PooledExecutor(alone, clock=FakeClock()) as executor:
        executor.execute_batch(contexts(len(errors)), place)
        told = executor.get_stats()
        assert isinstance(executor.audit, MemoryAudit)
        trail = executor.audit.records

    delay = least = alone.min_dispatch_delay_ms
    since = 0.0
    peak = 0.0
    felt_at = float("-inf")
    for record in trail:
        if record.error is not None and delay and record.started_at <= felt_at - 1e-5:
            pass  # The last raise has not been felt by then: it was for the same shortage.
        elif record.error is not None:
            grown = delay * alone.backoff_multiplier if delay else max(alone.recovery_step_ms, least)
            delay = min(grown, alone.max_dispatch_delay_ms)
            felt_at = record.started_at + delay / 1000
        else:
            delay = max(delay - alone.recovery_step_ms, least)
        assert record.throttle_ms == pytest.approx(delay)
        assert record.started_at >= since - 1e-6
        since = record.started_at
        peak = max(peak, delay)
    assert told.peak_delay_ms == pytest.approx(peak)


@given(errors=st.lists(st.integers(0, 12), min_size=1, max_size=12), budget=st.floats(0.1, 20))
@settings(max_examples=40)
def test_no_row_is_tried_for_longer_than_it_may_be(errors: list[int], budget: float) -> None:
    """One permit: with more, a thread moves the clock while another is in the midst of a call."""
    place = Place([Plan(count, None, "success") for count in errors])
    config = PoolConfig(max_capacity_retry_seconds=budget)
    with PooledExecutor(config, clock=FakeClock()) as executor:
        results = executor.execute_batch(contexts(len(errors)), place)

        for number, result in enumerate(results):
            assert result.account is not None
            if result.is_success:
                assert result.account.calls == errors[number] + 1
            else:
                assert result.reason is not None
                assert result.reason["reason"] == "capacity_retry_timeout"
                assert result.reason["elapsed_seconds"] == result.account.elapsed_seconds <= budget + 1e-9
                assert result.account.calls <= errors[number]
        assert (executor.pending_count, executor.available_permits) == (0, 1)
