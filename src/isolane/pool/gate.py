"""When the next call may begin: each permit makes one a delay."""

from __future__ import annotations

from heapq import heapreplace

from isolane.pool.throttle import AIMDThrottle


class Gate:
    """Keeps the calls of each permit apart by the throttle's delay, as it is when the call begins.

    A permit that has not called since the delay was nothing may call at once. So when as many rows as there are permits
    have been told 'not now', one more still begins. After that, and for as long as no call succeeds, one call a delay
    is made to see whether there is room again. Times are seconds of the monotonic clock. Whoever owns it has it locked.
    """

    def __init__(self, throttle: AIMDThrottle, permits: int) -> None:
        self._throttle = throttle
        self._permits_open_at = [float("-inf")] * permits
        """A heap."""
        self._all_open_at = self._next_look_at = float("-inf")
        self._refusals = 0
        """Since the last success."""
        self._held_since: float | None = None

    def opens_at(self, under_way: int) -> float:
        """Return when the next call may begin, with so many under way; that may be over."""
        opens_at = max(self._permits_open_at[0], self._all_open_at)
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
            self._next_look_at = now + delay / 1000

    def told(self, has_room: bool) -> None:
        """Note what a call was told: that it succeeded, or 'not now'."""
        self._refusals = 0 if has_room else self._refusals + 1

    def close_until(self, moment: float) -> None:
        """Let no call begin before that: the place asked to be left alone."""
        self._all_open_at = max(self._all_open_at, moment)
