"""The rows that were submitted together, and the calls that are made for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from isolane.pool.capacity import CapacityError
from isolane.pool.reorder import ReorderBuffer
from isolane.pool.row import RowContext


class Task:
    """A row on its way to a result. The times are the monotonic clock's, in seconds.

    ready_since: when it could have begun its next call, but for its turn and a permit. backoff: for how long it was
    held back before that. began: when its last call did. told: its last capacity error.
    """

    __slots__ = (
        "attempt",
        "backoff",
        "batch",
        "began",
        "call_index",
        "capacity_errors",
        "context",
        "deadline",
        "delay_us",
        "delayed_us",
        "first_start",
        "index",
        "permit_wait_us",
        "ready_since",
        "told",
    )

    def __init__(self, batch: Batch, index: int, context: RowContext, ready_since: float) -> None:
        self.batch = batch
        self.index = index
        self.context = context
        self.ready_since = ready_since
        self.attempt = -1
        self.call_index = 0
        self.capacity_errors = 0
        self.backoff = 0.0
        self.began = self.first_start = self.deadline = 0.0
        self.delay_us = self.delayed_us = self.permit_wait_us = 0
        self.told: CapacityError | None = None


class Batch:
    """Rows that share a function and a buffer. Belongs to a scheduler, which alone changes it.

    streams: whether results are wanted as they come. changed: called when there are such, or when all is over; it must
    not wait. fresh: rows without a call yet: index, context, since when they wait. unsettled: rows without a result
    that may still get one. failure: what ended the batch.
    """

    __slots__ = ("buffer", "changed", "failure", "fresh", "function", "in_turn", "may_begin", "streams", "unsettled")

    def __init__(
        self,
        function: Callable[[Any, str], Any],
        buffer: ReorderBuffer,
        changed: Callable[[], None],
        *,
        streams: bool = False,
        may_begin: Callable[[], bool] | None = None,
    ) -> None:
        self.function = function
        self.buffer = buffer
        self.changed = changed
        self.streams = streams
        self.may_begin = may_begin
        self.fresh: deque[tuple[int, RowContext, float]] = deque()
        self.in_turn = False
        self.unsettled = 0
        self.failure: BaseException | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it."""
        return not self.unsettled
