"""Backing off: permits are free meanwhile, delays follow the rule, no deadline is overshot."""

from __future__ import annotations

import threading

import pytest
from pool_processes import GUARD, StandingTime, double, doubled, failing, is_whole, rows, tracked, trail_of

from isolane.model.clock import FakeClock
from isolane.pool import CallOutcome, CapacityError, PoolConfig, PooledExecutor, TransformResult


@pytest.mark.req("PC3")
@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_next_row_begins_at_once_while_as_many_as_there_are_permits_back_off(size: int) -> None:
    """Time stands still: whoever waited for a backoff would wait for ever."""
    time = StandingTime()
    next_began = threading.Event()

    def behave(number: int, attempt: int) -> None:
        if number == size:
            next_began.set()
        elif attempt == 0:
            raise CapacityError(429)

    process, log = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=size), clock=time, waiting=time) as executor:
        futures = [executor.submit(context, process) for context in rows(size + 1)]
        assert next_began.wait(GUARD)
        assert futures[size].result(GUARD).row == doubled(size + 1)[size]
        assert sorted(log) == [(number, 0) for number in range(size + 1)]
        assert executor.pending_count == size
        time.let_go_on()

        assert [future.result(GUARD).row for future in futures] == doubled(size + 1)
    assert (executor.pending_count, executor.available_permits) == (0, size)


@pytest.mark.req("PC4")
@pytest.mark.req("SL1")
@pytest.mark.parametrize("size", [1, 2, 5])
def test_no_deadlock_when_all_of_a_batch_larger_than_the_pool_are_told_not_now(size: int) -> None:
    process, log = failing(lambda number: 1 + number % 3)
    with PooledExecutor(PoolConfig(pool_size=size), clock=FakeClock()) as executor:
        results = executor.execute_batch(rows(3 * size + 1), process)

        assert [result.row for result in results] == doubled(3 * size + 1)
        assert len(log) == sum(2 + number % 3 for number in range(3 * size + 1))
        assert is_whole(executor)


@pytest.mark.req("PC5")
@pytest.mark.req("ST1")
def test_fail_retry_fail_succeed() -> None:
    clock = FakeClock()
    began: list[float] = []

    def behave(number: int, attempt: int) -> None:
        began.append(clock.monotonic())
        if attempt < 2:
            raise CapacityError(503)

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(recovery_step_ms=40, backoff_multiplier=3), clock=clock) as executor:
        executor.execute_batch(rows(1), process)
        told = executor.get_stats()
        trail = trail_of(executor)

    assert began == pytest.approx([0, 0.040, 0.160])
    assert [record.delay_us for record in trail] == [0, 40_000, 120_000]
    assert [record.throttle_ms for record in trail] == [40, 120, 80]
    assert (told.peak_delay_ms, told.total_throttle_time_ms, told.current_delay_ms) == (120, 160, 80)
    assert (told.calls.capacity_errors, told.calls.retries, told.calls.successes) == (2, 2, 1)


def test_a_row_is_not_tried_again_before_its_time() -> None:
    time = StandingTime()
    process, log = failing({0: 1})
    with PooledExecutor(PoolConfig(recovery_step_ms=50), clock=time, waiting=time) as executor:
        future = executor.submit(rows(1)[0], process)
        assert time.asked.get(timeout=GUARD) == pytest.approx(0.050)
        time.let_pass(0.049)
        assert time.asked.get(timeout=GUARD) == pytest.approx(0.001)
        assert log == [(0, 0)]
        time.let_pass(0.001)

        assert future.result(GUARD).is_success
    assert log == [(0, 0), (0, 1)]


def test_calls_that_fail_together_raise_the_delay_once() -> None:
    together = threading.Barrier(4)

    def behave(number: int, attempt: int) -> None:
        if attempt == 0:
            together.wait(GUARD)
            raise CapacityError(429)

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=4), clock=FakeClock()) as executor:
        executor.execute_batch(rows(4), process)

        assert executor.get_stats().calls.capacity_errors == 4
        assert executor.get_stats().peak_delay_ms == 50


def test_the_calls_of_a_permit_keep_apart_by_the_delay() -> None:
    clock = FakeClock()
    began: list[float] = []
    process, _ = tracked(lambda *_: began.append(clock.monotonic()))
    config = PoolConfig(pool_size=1, min_dispatch_delay_ms=100)
    with PooledExecutor(config, clock=clock) as executor:
        executor.execute_batch(rows(4), process)

        assert began == pytest.approx([0, 0.1, 0.2, 0.3])
        assert [record.delay_us for record in trail_of(executor)] == [0, 100_000, 100_000, 100_000]

    clock = FakeClock()
    began.clear()
    with PooledExecutor(PoolConfig(pool_size=4, min_dispatch_delay_ms=100), clock=clock) as executor:
        executor.execute_batch(rows(10), process)

        assert clock.monotonic() == pytest.approx(0.2)  # Four, four and two.
        assert executor.get_stats().total_throttle_time_ms == pytest.approx(200)


def test_retry_after_is_honoured_by_all() -> None:
    clock = FakeClock()
    began: list[tuple[int, float]] = []

    def behave(number: int, attempt: int) -> None:
        began.append((number, clock.monotonic()))
        if (number, attempt) == (0, 0):
            raise CapacityError(429, retry_after=7)

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=1), clock=clock) as executor:
        executor.execute_batch(rows(3), process)

    assert [number for number, _ in began] == [0, 0, 1, 2]
    assert min(at for _, at in began[1:]) == pytest.approx(7)


def test_a_longer_delay_than_retry_after_holds() -> None:
    clock = FakeClock()
    began: list[float] = []

    def behave(number: int, attempt: int) -> None:
        began.append(clock.monotonic())
        if attempt == 0:
            raise CapacityError(429, retry_after=0.01)

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(recovery_step_ms=200), clock=clock) as executor:
        executor.execute_batch(rows(1), process)

    assert began == pytest.approx([0, 0.2])


@pytest.mark.req("TO1")
def test_no_backoff_overshoots_the_deadline_and_the_time_told_is_true() -> None:
    clock = FakeClock()
    process, log = failing(lambda _: 10**6)
    config = PoolConfig(recovery_step_ms=1000, max_dispatch_delay_ms=10**6, max_capacity_retry_seconds=10)
    with PooledExecutor(config, clock=clock) as executor:
        (result,) = executor.execute_batch(rows(1), process)

    assert len(log) == 4  # At 0, 1, 3 and 7 seconds; the next would be at 15.
    assert clock.monotonic() == pytest.approx(7)
    assert result.retryable
    assert result.reason is not None
    assert result.reason.pop("elapsed_seconds") == pytest.approx(7)
    assert result.reason == {
        "reason": "capacity_retry_timeout",
        "error": "429: not now",
        "status_code": 429,
        "calls": 4,
        "elapsed_seconds": result.account.elapsed_seconds if result.account else None,
        "max_seconds": 10,
    }


@pytest.mark.req("TO1")
def test_a_result_in_hand_is_kept_though_the_time_is_over() -> None:
    clock = FakeClock()

    def behave(number: int, attempt: int) -> None:
        if attempt == 0:
            raise CapacityError(429)
        clock.advance(60)

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(max_capacity_retry_seconds=10), clock=clock) as executor:
        (result,) = executor.execute_batch(rows(1), process)

    assert result.row == doubled(1)[0]
    assert result.account is not None
    assert result.account.elapsed_seconds == pytest.approx(60.05)


@pytest.mark.req("TO1")
def test_a_capacity_error_after_the_time_is_over_is_the_last() -> None:
    clock = FakeClock()

    def behave(number: int, attempt: int) -> None:
        clock.advance(60)
        raise CapacityError(429)

    process, log = tracked(behave)
    with PooledExecutor(PoolConfig(max_capacity_retry_seconds=10), clock=clock) as executor:
        (result,) = executor.execute_batch(rows(1), process)

    assert log == [(0, 0)]
    assert result.reason is not None
    assert result.reason["elapsed_seconds"] == pytest.approx(60)


@pytest.mark.req("TO1")
def test_retry_after_beyond_the_deadline_ends_the_row_at_once() -> None:
    clock = FakeClock()

    def refuse(row: object, state_id: str) -> TransformResult:
        raise CapacityError(503, retry_after=3600)

    with PooledExecutor(PoolConfig(max_capacity_retry_seconds=60), clock=clock) as executor:
        (result,) = executor.execute_batch(rows(1), refuse)

        assert not result.is_success
        assert clock.monotonic() == 0
        executor.execute_batch(rows(1, "after"), double)
        assert clock.monotonic() == pytest.approx(60)  # Nobody is held for longer than a row is tried.


@pytest.mark.req("TO1")
@pytest.mark.req("SL1")
def test_a_row_that_the_others_keep_waiting_ends_at_its_deadline() -> None:
    """Both come due together; the gate lets one through, and then stays closed for longer than the other has."""
    clock = FakeClock()

    def behave(number: int, attempt: int) -> None:
        if attempt == 0 or (number == 0 and attempt == 1):
            raise CapacityError(429, retry_after=8 if attempt else 1)

    process, log = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=1, max_capacity_retry_seconds=5), clock=clock) as executor:
        results = executor.execute_batch(rows(2), process)

        reasons = [result.reason for result in results]
        assert all(reason is None or reason["elapsed_seconds"] <= 5.001 for reason in reasons)
        assert is_whole(executor)
    assert len(log) <= 4


def test_a_call_that_is_told_not_now_says_so_in_the_trail() -> None:
    process, _ = failing({0: 1})
    with PooledExecutor(clock=FakeClock(start=500)) as executor:
        executor.execute_batch(rows(1), process)
        first, second = trail_of(executor)

    assert first.outcome is CallOutcome.CAPACITY
    assert first.error is not None
    assert (first.error.type, first.error.status_code) == ("CapacityError", 429)
    assert (first.started_at, second.started_at) == (500, pytest.approx(500.05))
