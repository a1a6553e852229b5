"""When the next call may begin: each permit makes one a delay."""

from __future__ import annotations

from heapq import heapreplace

from isolane.pool.allowance import Allowance
from isolane.pool.config import PoolConfig
from isolane.pool.throttle import AIMDThrottle


class Gate:
    """Keeps the calls of each permit apart by the throttle's delay, as it is when the call begins.

    A permit that has not called since the delay was nothing may call at once. So when as many rows as there are permits
    have been told 'not now', one more still begins. Beyond that it is careful: refusals, less the answers since then,
    and calls under way are together no more than the permits, but for one call a delay, which looks whether there is
    room. Times are seconds of the monotonic clock. Whoever owns it has it locked.
    """

    def __init__(self, throttle: AIMDThrottle, config: PoolConfig) -> None:
        self._throttle = throttle
        self._step = config.recovery_step_ms
        self._permits_open_at = [float("-inf")] * config.pool_size
        """A heap."""
        self._all_open_at = self._next_look_at = float("-inf")
        self._allowance = Allowance(config.pool_size, config.recovery_step_ms / 1000)
        self._refusals = 0
        """Less one for each answer since."""
        self._held_since: float | None = None

    def opens_at(self, under_way: int) -> float:
        """Return when the next call may begin, with so many under way; that may be over."""
        opens_at = max(self._permits_open_at[0], self._all_open_at, self._allowance.opens_at(under_way))
        if self._refusals and self._refusals + under_way > len(self._permits_open_at):
            return max(opens_at, self._next_look_at)
        return opens_at

    def hold(self, now: float) -> None:
        """Note that a call could begin, but for the gate."""
        if self._held_since is None:
            self._held_since = now

    def held(self, ready_since: float, now: float) -> float:
        """Return for how long a call that begins now, ready since then, was held by the gate alone."""
        since, self._held_since = self._held_since, None
        return 0.0 if since is None else max(0.0, now - max(since, ready_since))

    def close_behind(self, now: float) -> None:
        """Let the permit with which a call begins wait its time."""
        delay = self._throttle.current_delay_ms
        if delay:
            heapreplace(self._permits_open_at, now + delay / 1000)
        if self._refusals:
            self._next_look_at = now + max(delay, self._step) / 1000

    def answered(self, began: float) -> None:
        """Note that a call was told something else than 'not now'."""
        self._refusals = max(0, self._refusals - 1)
        if self._allowance.taken(began):
            self._refusals = len(self._permits_open_at)

    def refused(self, began: float, now: float, retry_after: float) -> None:
        """Note that a call was told 'not now'. retry_after: seconds for which the place asked to be left alone."""
        self._refusals = min(len(self._permits_open_at) + 1, self._refusals + 1)
        self._allowance.refused(began, now, retry_after)
        if retry_after:
            self._all_open_at = max(self._all_open_at, now + retry_after)

    def rest(self) -> None:
        """Note that a call could begin, but that no row waits."""
        self._allowance.rest()
