"""When a branch that failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Retry:
    """attempts: at most, the first one counted. backoff: seconds before the second; each pause is ``factor`` times the
    one before, and never over ``cap``.

    >>> [Retry(5, 0.5, 2.0, 3.0).pause(attempt) for attempt in (1, 2, 3, 4)]
    [0.5, 1.0, 2.0, 3.0]
    """

    attempts: int = 1
    backoff: float = 0.1
    factor: float = 2.0
    cap: float = 5.0

    def pause(self, attempt: int) -> float:
        """Return how long to wait after an attempt, the first is 1, has failed."""
        try:
            return min(self.cap, self.backoff * self.factor ** (attempt - 1))
        except OverflowError:
            return self.cap
