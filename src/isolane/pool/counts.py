"""What a pool has counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isolane.pool.audit import CallTotals
from isolane.pool.config import PoolConfig


@dataclass
class RowCounts:
    """What became of rows. Each that is not pending is one of succeeded, failed and dropped.

    failed: has an error as its result. timed_out, interrupted: those of them that were not tried again for want of
    time, or because of ``shutdown(wait=False)``. dropped: has no result, as its batch failed or was given up.
    unaudited: calls that could not be put on record.
    """

    succeeded: int = 0
    failed: int = 0
    timed_out: int = 0
    interrupted: int = 0
    dropped: int = 0
    unaudited: int = 0

    def copy(self) -> RowCounts:
        """Return the counts as they are now."""
        return replace(self)


@dataclass(frozen=True)
class PoolStatistics:
    """A pool at one moment. calls: what its audit adds up to. current_delay_ms: the throttle's."""

    config: PoolConfig
    available_permits: int
    pending_count: int
    current_delay_ms: float
    calls: CallTotals
    rows: RowCounts

    @property
    def total_throttle_time_ms(self) -> float:
        """For how long the throttle has held calls back, all of them added up."""
        return self.calls.delay_us / 1000

    @property
    def peak_delay_ms(self) -> float:
        """The most that the delay was after any call."""
        return self.calls.peak_delay_ms
