"""Who may call, and when: the state of a pool, without threads, waiting or I/O.

Both executors are made of it. They ask :meth:`Scheduler.take` for the next call, make it, and tell
:meth:`Scheduler.finish` what it came to. Nothing is locked here: threads do so outside. Times are seconds of the
monotonic clock.

A row is in one place at a time: fresh (in its batch), backing off (``_backing_off``, by the moment it is due), due
(``_due``, by its deadline), or under way. Only one that is under way has a permit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from isolane.pool.audit import CallTally
from isolane.pool.batch import Batch, Task
from isolane.pool.calls import Ending, message_of, microseconds
from isolane.pool.capacity import CapacityError
from isolane.pool.config import PoolConfig
from isolane.pool.counts import PoolStatistics, RowCounts
from isolane.pool.errors import AuditError, PoolUseError, PoolValueError
from isolane.pool.gate import Gate
from isolane.pool.result import Account, TransformResult
from isolane.pool.row import RowContext
from isolane.pool.throttle import AIMDThrottle

_NOW = 1e-6
"""Seconds: what is so near has come. Without it, rounding may leave a wait that no clock can make smaller."""


class Scheduler:
    """The permits of a pool, and the rows that wait for them."""

    def __init__(self, config: PoolConfig, throttle: AIMDThrottle, *, stops_unaudited: bool) -> None:
        self._config = config
        self._throttle = throttle
        self._gate = Gate(throttle, config)
        self._stops_unaudited = stops_unaudited
        self._turns: deque[Batch] = deque()
        """Batches with fresh rows, each once, whose turn is next first."""
        self._backing_off: list[tuple[float, int, Task]] = []
        self._due: list[tuple[float, int, Task]] = []
        self._batches: set[Batch] = set()
        self._at_work: set[str] = set()
        self._entries = 0
        self._again_last = False
        self._tally = CallTally()
        self._rows = RowCounts()
        self.under_way = 0
        self.pending_count = 0
        self.is_closed = self._is_interrupted = False

    @property
    def available_permits(self) -> int:
        """How many more calls may be under way."""
        return self._config.pool_size - self.under_way

    @property
    def has_waiting(self) -> bool:
        """Whether a row waits for anything but the end of its call."""
        return bool(self._turns or self._due or self._backing_off)

    def add(self, batch: Batch, contexts: Sequence[RowContext], now: float) -> None:
        """Take rows on, all or none: :class:`PoolUseError` if closed, :class:`PoolValueError` for a name twice."""
        if self.is_closed:
            raise PoolUseError("pool-closed", "The executor is shut down.", "Make another one.")
        if batch.failure is not None:
            return  # It failed while its stream was elsewhere: no further call.
        stranger = next((one for one in contexts if not isinstance(one, RowContext)), None)
        if stranger is not None:
            raise PoolValueError("bad-row", f"A row is a {type(stranger).__name__}.", "Wrap it in a RowContext.")
        names = {context.state_id for context in contexts}
        if len(names) != len(contexts) or not self._at_work.isdisjoint(names):
            raise PoolValueError(
                "state-id-twice",
                f"Two rows at work have the state_id {self._name_twice(contexts)!r}.",
                "It names a row's calls in the audit.",
            )
        fresh = [(batch.buffer.submit(), context, now) for context in contexts]
        self._at_work |= names
        self._batches.add(batch)
        batch.fresh.extend(fresh)
        batch.unsettled += len(contexts)
        self.pending_count += len(contexts)
        if batch.fresh and not batch.in_turn:
            batch.in_turn = True
            self._turns.append(batch)

    def take(self, now: float) -> Task | float | None:
        """Return a call to make, with a permit; else in how many seconds to ask again; None: when something changed."""
        due = self._due
        while self._backing_off and self._backing_off[0][0] <= now + _NOW:
            task = heappop(self._backing_off)[2]
            self._push(due, task.deadline, task)
        while due and due[0][0] <= now + _NOW:
            self._time_out(heappop(due)[2], now)
        if self.under_way >= self._config.pool_size:
            return None
        if not due and not self._turns:
            if self._backing_off:
                return self._backing_off[0][0] - now
            self._gate.rest()
            return None
        closed_for = self._gate.opens_at(self.under_way) - now
        if closed_for > _NOW:
            self._gate.hold(now)
            # A row that comes due meanwhile, or runs out of time, is not kept waiting for the gate.
            return min([closed_for, *(heap[0][0] - now for heap in (due, self._backing_off) if heap)])
        # A row that was told 'not now' and one without a call take turns: the place may refuse some rows only.
        again = bool(due) and not (self._turns and self._again_last)
        self._again_last = again
        task = heappop(due)[2] if again else self._next_fresh()
        self._begin(task, now)
        return task

    def finish(self, task: Task, ending: Ending, now: float) -> None:
        """Take a permit back, and settle the row or let it back off."""
        self.under_way -= 1
        batch = task.batch
        if ending.record is not None:
            self._tally.add(ending.record)
        if ending.unaudited is not None:
            self._rows.unaudited += 1
            if self._stops_unaudited:
                self._stop_all(ending.unaudited)
        if ending.passing is not None:
            self.end(batch, ending.passing)
        if ending.capacity is not None:
            retry_after = min(ending.capacity.retry_after or 0.0, self._config.max_capacity_retry_seconds)
            self._gate.refused(task.began, now, retry_after)
        elif ending.result is not None:
            self._gate.answered(task.began)
        if ending.result is not None:
            self._settle(task, ending.result, now)
        elif ending.capacity is not None and batch in self._batches and batch.failure is None:
            self._back_off(task, ending.capacity, ending.throttle_ms / 1000, now)
        else:
            self._drop(batch, task.context)

    def end(self, batch: Batch, failure: BaseException | None = None) -> int:
        """Give up a batch's rows that wait, and return how many: the batch failed, or nobody wants it any more.

        Its calls that are under way go on; it is over when the last of them ends.
        """
        if failure is not None and isinstance(batch.failure, Exception | None):
            batch.failure = failure  # What must pass through goes before an error.
        if batch not in self._batches:
            return 0
        self._batches.discard(batch)
        waiting = [context for _, context, _ in batch.fresh]
        batch.fresh.clear()
        if batch.in_turn:
            batch.in_turn = False
            self._turns.remove(batch)
        for heap in (self._backing_off, self._due):
            waiting += [task.context for _, _, task in heap if task.batch is batch]
            heap[:] = [entry for entry in heap if entry[2].batch is not batch]
            heapify(heap)
        for context in waiting:
            self._forget(batch, context)
        if batch.is_over:
            batch.changed()
        return len(waiting)

    def interrupt(self, now: float) -> None:
        """Give every row that waits an error as its result: it was not, or not again, tried."""
        self.is_closed = self._is_interrupted = True
        waiting = [Task(batch, *fresh) for batch in self._turns for fresh in batch.fresh]
        for batch in self._turns:
            batch.fresh.clear()
            batch.in_turn = False
        self._turns.clear()
        for heap in (self._backing_off, self._due):
            waiting += [task for _, _, task in heap]
            heap.clear()
        for task in waiting:
            self._interrupt(task, now)

    def get_stats(self) -> PoolStatistics:
        """Return what was counted so far."""
        return PoolStatistics(
            self._config,
            self.available_permits,
            self.pending_count,
            self._throttle.current_delay_ms,
            self._tally.totals(),
            self._rows.copy(),
        )

    def _name_twice(self, contexts: Sequence[RowContext]) -> str:
        seen = set(self._at_work)
        for context in contexts:
            if context.state_id in seen:
                break
            seen.add(context.state_id)
        return context.state_id

    def _next_fresh(self) -> Task:
        """Return the next row of the batch whose turn it is; with others, batches take turns."""
        batch = self._turns[0]
        task = Task(batch, *batch.fresh.popleft())
        if not batch.fresh:
            self._turns.popleft()
            batch.in_turn = False
        elif len(self._turns) > 1:
            self._turns.rotate(-1)
        return task

    def _begin(self, task: Task, now: float) -> None:
        held = self._gate.held(task.ready_since, now)
        self._gate.close_behind(now)
        task.began = now
        task.attempt += 1
        if not task.attempt:
            task.first_start = now
            task.deadline = now + self._config.max_capacity_retry_seconds
        task.delay_us = microseconds(task.backoff + held)
        task.delayed_us += task.delay_us
        task.permit_wait_us = max(0, microseconds(now - task.ready_since - held))
        self.under_way += 1

    def _back_off(self, task: Task, error: CapacityError, delay: float, now: float) -> None:
        task.capacity_errors += 1
        task.told = error
        task.backoff = max(delay, error.retry_after or 0.0)
        task.ready_since = now + task.backoff
        if self._is_interrupted:
            self._interrupt(task, now)
        elif task.ready_since >= task.deadline:
            self._time_out(task, now)
        else:
            self._push(self._backing_off, task.ready_since, task)

    def _push(self, heap: list[tuple[float, int, Task]], key: float, task: Task) -> None:
        self._entries += 1  # So that tasks themselves are never compared.
        heappush(heap, (key, self._entries, task))

    def _settle(self, task: Task, result: TransformResult, now: float) -> None:
        calls = task.attempt + 1
        account = Account(
            task.context.state_id,
            task.context.row_index,
            calls,
            task.capacity_errors,
            now - task.first_start if calls else 0.0,
            task.delayed_us / 1e6,
        )
        if result.is_success:
            self._rows.succeeded += 1
        else:
            self._rows.failed += 1
        batch = task.batch
        is_ready = batch.buffer.complete(task.index, result.with_account(account))
        self._count_off(batch, task.context)
        if batch.is_over or (batch.streams and is_ready):
            batch.changed()

    def _time_out(self, task: Task, now: float) -> None:
        self._rows.timed_out += 1
        told = task.told
        reason = {
            "reason": "capacity_retry_timeout",
            "error": "" if told is None else message_of(told),
            "status_code": None if told is None else told.status_code,
            "calls": task.attempt + 1,
            "elapsed_seconds": now - task.first_start,
            "max_seconds": self._config.max_capacity_retry_seconds,
        }
        self._settle(task, TransformResult.error(reason, retryable=True), now)

    def _interrupt(self, task: Task, now: float) -> None:
        self._rows.interrupted += 1
        told = task.told
        reason = {"reason": "shutdown", "error": "" if told is None else message_of(told), "calls": task.attempt + 1}
        self._settle(task, TransformResult.error(reason, retryable=True), now)

    def _drop(self, batch: Batch, context: RowContext) -> None:
        self._forget(batch, context)
        if batch.is_over:
            batch.changed()

    def _forget(self, batch: Batch, context: RowContext) -> None:
        self._rows.dropped += 1
        self._count_off(batch, context)

    def _count_off(self, batch: Batch, context: RowContext) -> None:
        self._at_work.discard(context.state_id)
        self.pending_count -= 1
        batch.unsettled -= 1
        if not batch.unsettled:
            self._batches.discard(batch)

    def _stop_all(self, cause: Exception) -> None:
        """End every batch: the next call of any would be made without a record."""
        what = cause.what if isinstance(cause, AuditError) else f"{type(cause).__name__}: {message_of(cause)}"
        for batch in list(self._batches):
            error = AuditError(
                f"A call could not be put on record, so no further one was made: {what}",
                cause.hint if isinstance(cause, AuditError) else "",
            )
            error.__cause__ = cause
            self.end(batch, error)
