"""How long to wait between calls: a little less after each success, a multiple after a capacity error."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from isolane.pool.config import PoolConfig

_NEAR = 1e-5
"""Seconds: a call that was put off by the delay began no sooner than that before it was over."""


@dataclass(frozen=True)
class ThrottleStatistics:
    """What a throttle has seen. raises: how often the delay was raised, or was already at its most."""

    current_delay_ms: float
    peak_delay_ms: float
    capacity_errors: int
    raises: int
    successes: int


class AIMDThrottle:
    """The delay of a pool, in milliseconds: additive recovery, multiplicative backing off. Safe with many threads.

    A capacity error sets a delay of 0 to the recovery step, or to the least delay if that is more, and multiplies any
    other; a success takes the step off. The delay stays within the configured least and most.

    >>> throttle = AIMDThrottle(PoolConfig(recovery_step_ms=50, backoff_multiplier=2))
    >>> [throttle.on_capacity_error() for _ in range(3)], throttle.on_success()
    ([50.0, 100.0, 200.0], 150.0)

    The rule is that of TCP's congestion control (Chiu and Jain, 1989), with the delay where TCP has a window. Also from
    there: what was under way before a raise could have an effect tells of the same shortage. Who says when a call began
    and when it failed has the delay raised once for it.
    """

    def __init__(self, config: PoolConfig) -> None:
        self._least = float(config.min_dispatch_delay_ms)
        self._most = float(config.max_dispatch_delay_ms)
        self._step = float(config.recovery_step_ms)
        self._multiplier = float(config.backoff_multiplier)
        self._lock = threading.Lock()
        self._delay = self._peak = self._least
        self._capacity_errors = self._successes = self._raises = 0
        self._felt_at = float("-inf")
        """From when on calls begin that the last raise has kept apart."""

    @property
    def current_delay_ms(self) -> float:
        """The delay at present."""
        return self._delay

    def on_capacity_error(self, began: float | None = None, failed: float = 0.0) -> float:
        """Count a capacity error, raise the delay and return it.

        began, failed: when the call did, in seconds of a monotonic clock. A call that began before the last raise, or
        sooner after it than the delay is long, tells nothing new, and while there is a delay it is left as it is.
        Without them it is raised in any case.
        """
        with self._lock:
            self._capacity_errors += 1
            if began is None or not self._delay or began > self._felt_at - _NEAR:
                raised = self._delay * self._multiplier if self._delay else max(self._step, self._least)
                self._delay = min(raised, self._most)
                self._peak = max(self._peak, self._delay)
                self._raises += 1
                self._felt_at = failed + self._delay / 1000
            return self._delay

    def on_success(self) -> float:
        """Count a success, lower the delay and return it."""
        with self._lock:
            self._successes += 1
            if self._delay > self._least:
                self._delay = max(self._delay - self._step, self._least)
            return self._delay

    def get_stats(self) -> ThrottleStatistics:
        """Return what was counted so far."""
        with self._lock:
            return ThrottleStatistics(self._delay, self._peak, self._capacity_errors, self._raises, self._successes)
