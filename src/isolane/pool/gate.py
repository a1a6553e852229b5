"""When the next call may begin: the calls of a pool keep apart by the throttle's delay."""

from __future__ import annotations

from isolane.pool.throttle import AIMDThrottle


class Gate:
    """Closes behind each call that begins, for the throttle's delay divided by the permits.

    So each permit makes a call once a delay, and the calls of all of them are spread over that time. The time is
    counted from the call before, with the delay as it was then: after the first capacity errors one call goes at once,
    which shows whether there is room again. Times are seconds of the monotonic clock. Whoever owns it has it locked.
    """

    def __init__(self, throttle: AIMDThrottle, permits: int) -> None:
        self._throttle = throttle
        self._permits = permits
        self.opens_at = float("-inf")
        self._held_since: float | None = None

    def hold(self, now: float) -> None:
        """Note that a call could begin, but for the gate."""
        if self._held_since is None:
            self._held_since = now

    def held(self, ready_since: float, now: float) -> float:
        """Return for how long a call that begins now, ready since then, was held by the gate alone."""
        since, self._held_since = self._held_since, None
        return 0.0 if since is None else max(0.0, now - max(since, ready_since))

    def close_behind(self, now: float) -> None:
        """Let the next call wait its time."""
        delay = self._throttle.current_delay_ms
        if delay:
            self.opens_at = max(self.opens_at, now + delay / 1000 / self._permits)

    def close_until(self, moment: float) -> None:
        """Let no call begin before that: the place asked to be left alone."""
        self.opens_at = max(self.opens_at, moment)
