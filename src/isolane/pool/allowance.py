"""How many calls a place takes in how long, learned from when it says 'not now' and when it takes calls again."""

from __future__ import annotations

from collections import deque

_MOST = 4096
"""How many calls are remembered. Of a place that takes more at once, that many and the time that they make up."""
_LEAST = 16
"""How many calls have to be taken in a row, and then none, until anything is learned of it."""
_ALIKE = 1 / 8
"""So near to each other have two such numbers to be: rows that are refused for their own sake make for any numbers."""
_LASTING = 1 / 8
"""Of a window: for so long has there to be no room."""
_NARROW = 1 / 16
"""Of a window: so exactly is it known, and so much shorter is one at first tried."""
_PAUSE = 1
"""How many rounds without a refusal go by until a window that is known is tried shorter."""
_OUT_OF_SCALE = 4
"""A window that seems to be so many times as long is none: somebody else has used up what there was."""


class Allowance:
    """Keeps calls that would be refused from being made: at most so many in any window of so long.

    A place that takes 50 calls a second takes 50, refuses all others, and takes calls again when a second is over. What
    it took from the first to the last, and how long after the first it took another one, are the limit and the window.
    From a pool that was not busy nothing is learned; nor where taken and refused calls alternate, since there rows are
    refused for their own sake. A call that is refused well before the limit refutes all of it.

    The window is what Retry-After makes it. Else it is between two lengths: with the shorter a call was refused, with
    the longer it was taken. Each round without a refusal tries the middle and, when both have met, what is shorter.

    permits: how many calls may be under way. step: seconds; to be without room for less than that is none. Times are
    seconds of the monotonic clock. Whoever owns it has it locked.
    """

    def __init__(self, permits: int, step: float) -> None:
        self._enough = max(permits, _LEAST)
        self._step = step
        self._taken: deque[float] = deque(maxlen=_MOST)
        """When calls began that were taken."""
        self._since: float | None = None
        self._count = self._count_before = 0
        """Calls taken since then, in which time the pool was busy and none was refused; and so the time before."""
        self._refused_at: float | None = None
        """When the first refusal came, of those after which no call has been taken yet."""
        self._full_until = float("-inf")
        """The latest moment at which there was no room, as far as is known; was_told: from Retry-After."""
        self._was_told = False
        self._limit = 0
        """0: nothing is known."""
        self._window = self._safe = self._too_short = self._shortened = 0.0
        """The last with which all calls of a round were taken is safe."""
        self._round = self._pause = 0
        """Calls taken with the window as it is; rounds until it is tried shorter."""
        self._is_proven = False

    def opens_at(self, under_way: int) -> float:
        """Return when the next call may begin, with so many under way; that may be over."""
        place = self._limit - under_way
        if place <= 0 or len(self._taken) < place:
            return float("-inf")
        return self._taken[-place] + self._window

    def refused(self, began: float, now: float, retry_after: float) -> None:
        """Note that a call was told 'not now', and to come back after so many seconds."""
        if self._refused_at is None:
            self._refused_at = now
            if self._limit:
                self._doubt(began)
        self._full_until = max(self._full_until, began + retry_after)
        self._was_told = retry_after > 0

    def taken(self, began: float) -> bool:
        """Note that a call was answered; return whether more is tried now, which had better begin with one call."""
        if self._refused_at is not None and began > self._refused_at:
            self._has_room_again(began, self._refused_at)
            self._refused_at = self._since = None
            self._count = 0
        if self._since is None:
            self._since = began
        self._remember(began)
        self._count += 1
        self._round += 1
        return 0 < self._limit <= self._round and self._tries_more()

    def rest(self) -> None:
        """Note that a permit is free and no row waits: what is taken from here on is not all that there is room for."""
        self._since = None
        self._count = self._round = 0

    def _remember(self, began: float) -> None:
        later = []  # Calls do not end in the order in which they began.
        while self._taken and self._taken[-1] > began:
            later.append(self._taken.pop())
        self._taken.append(began)
        self._taken.extend(reversed(later))

    def _doubt(self, began: float) -> None:
        """Forget what was learned if a call is refused with less than three quarters of the limit taken."""
        lately = 0
        while lately < len(self._taken) and self._taken[-lately - 1] > began - self._safe * (1 + _NARROW):
            lately += 1
        if lately < 0.75 * self._limit:
            self._limit = 0
            self._count, self._since = lately, self._taken[-lately] if lately else None
            if not self._is_proven:
                self._enough *= 2

    def _has_room_again(self, began: float, refused_at: float) -> None:
        if self._limit:
            first = self._taken[-self._limit]
            window = (min(began, self._full_until) if self._was_told else began) - first
            if window > _OUT_OF_SCALE * self._window:
                self._limit = 0
            elif window > self._window:
                self._set(window, self._full_until - first)
        elif self._since is not None and self._count > self._enough:
            window = began - self._since
            if began - refused_at >= max(self._step, window * _LASTING):
                before, self._count_before = self._count_before, self._count
                is_sure = self._full_until - refused_at >= self._step  # It was told so, or refused more calls by then.
                if is_sure or abs(self._count - before) <= before * _ALIKE:
                    self._limit = min(self._count, _MOST)
                    self._is_proven = False
                    share = self._limit / self._count
                    full = self._full_until - self._since
                    self._set((full if self._was_told else window) * share, full * share)

    def _set(self, window: float, too_short: float) -> None:
        self._window = self._safe = window
        self._too_short = min(too_short, window)
        self._shortened = window * _NARROW / 2
        self._round, self._pause = 0, _PAUSE

    def _tries_more(self) -> bool:
        self._round = 0
        self._is_proven = True
        self._safe = self._window
        unknown = self._window - self._too_short
        if unknown > self._window * _NARROW:
            self._window -= unknown / 2
        elif self._pause:
            self._pause -= 1
            return False
        else:
            self._shortened *= 2
            self._window = self._too_short = self._window - self._shortened
            if self._window <= 0:
                self._limit = 0
        return True
