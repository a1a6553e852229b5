from __future__ import annotations

import threading

import pytest

from isolane.pool import AIMDThrottle, PoolConfig, ThrottleStatistics


@pytest.mark.req("PC5")
def test_a_capacity_error_multiplies_and_a_success_subtracts() -> None:
    throttle = AIMDThrottle(PoolConfig(recovery_step_ms=50, backoff_multiplier=3, max_dispatch_delay_ms=1000))

    assert throttle.current_delay_ms == 0
    assert [throttle.on_capacity_error() for _ in range(4)] == [50, 150, 450, 1000]
    assert [throttle.on_success() for _ in range(3)] == [950, 900, 850]


def test_the_delay_stays_within_its_least_and_most() -> None:
    throttle = AIMDThrottle(
        PoolConfig(min_dispatch_delay_ms=80, max_dispatch_delay_ms=200, recovery_step_ms=50, backoff_multiplier=2)
    )

    assert throttle.current_delay_ms == 80
    assert [throttle.on_capacity_error() for _ in range(3)] == [160, 200, 200]
    assert [throttle.on_success() for _ in range(4)] == [150, 100, 80, 80]


def test_a_first_step_over_the_most_is_the_most() -> None:
    throttle = AIMDThrottle(PoolConfig(recovery_step_ms=500, max_dispatch_delay_ms=100))

    assert throttle.on_capacity_error() == 100
    assert throttle.on_success() == 0


@pytest.mark.req("ST1")
def test_what_it_has_counted() -> None:
    throttle = AIMDThrottle(PoolConfig())
    for told in (throttle.on_capacity_error, throttle.on_capacity_error, throttle.on_success):
        told()

    assert throttle.get_stats() == ThrottleStatistics(
        current_delay_ms=50, peak_delay_ms=100, capacity_errors=2, raises=2, successes=1
    )


def test_calls_that_fail_together_raise_the_delay_once() -> None:
    throttle = AIMDThrottle(PoolConfig())

    assert [throttle.on_capacity_error(began=0.9, failed=1.0) for _ in range(5)] == [50] * 5
    assert throttle.on_capacity_error(began=1.04, failed=1.1) == 50  # The delay has not been felt by then.
    assert throttle.on_capacity_error(began=1.05, failed=1.2) == 100
    assert (throttle.get_stats().capacity_errors, throttle.get_stats().raises) == (7, 2)


def test_a_late_failure_raises_a_delay_that_has_gone_down_to_nothing() -> None:
    throttle = AIMDThrottle(PoolConfig())
    throttle.on_capacity_error(began=0.9, failed=1.0)
    throttle.on_success()

    assert throttle.on_capacity_error(began=0.9, failed=1.1) == 50


def test_many_threads() -> None:
    throttle = AIMDThrottle(PoolConfig(max_dispatch_delay_ms=10_000))
    together = threading.Barrier(8)

    def tell() -> None:
        together.wait(20)
        for _ in range(200):
            throttle.on_capacity_error()
        together.wait(20)
        for _ in range(200):
            throttle.on_success()

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    told = throttle.get_stats()
    assert (told.capacity_errors, told.successes, told.raises) == (1600, 1600, 1600)
    assert (told.peak_delay_ms, told.current_delay_ms) == (10_000, 0)
