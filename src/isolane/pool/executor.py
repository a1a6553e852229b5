"""Work for a place that can say 'not now': bounded, in order, backing off, every call on record."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, InvalidStateError
from types import TracebackType
from typing import Any, Literal

from isolane.model.clock import Clock, SystemClock
from isolane.pool.audit import AuditSink, MemoryAudit
from isolane.pool.batch import Batch
from isolane.pool.bell import Bell
from isolane.pool.calls import CallDesk
from isolane.pool.config import PoolConfig
from isolane.pool.counts import PoolStatistics
from isolane.pool.errors import AuditError, PoolValueError
from isolane.pool.reorder import ReorderBuffer
from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext
from isolane.pool.scheduler import Scheduler
from isolane.pool.throttle import AIMDThrottle
from isolane.pool.waiting import Waiting, waiting_by
from isolane.pool.workers import Workers

ProcessFunction = Callable[[Any, str], TransformResult]
"""What is done for a row: it is given a copy of the row, and its state_id. A CapacityError means 'not now'."""


class PooledExecutor:
    """Makes calls for rows, so many at a time, and gives their results in the order of the rows.

    config: by default a pool of one. audit: where each call goes on record; by default :class:`MemoryAudit`, which
    keeps all of them. redact: names of fields whose values do not. audit_failure: ``stop`` ends all batches before the
    next call where one cannot be put on record, ``continue`` counts it. clock, waiting: for tests; with a
    :class:`~isolane.model.clock.FakeClock` no time passes. name: of the threads.

    Several threads may use it at once: they share the permits. Leaving a ``with`` block finishes what is pending; where
    an error leaves it, rows that have not begun or back off are given up. An executor that is forgotten finishes what
    is pending and ends its threads.
    """

    def __init__(
        self,
        config: PoolConfig | None = None,
        *,
        audit: AuditSink | None = None,
        redact: Iterable[str] = (),
        audit_failure: Literal["stop", "continue"] = "stop",
        clock: Clock | None = None,
        waiting: Waiting | None = None,
        name: str = "isolane-pool",
    ) -> None:
        self.config = config or PoolConfig()
        self.audit: AuditSink = MemoryAudit() if audit is None else audit
        self._clock = clock or SystemClock()
        stops = stops_unaudited(audit_failure)
        throttle = AIMDThrottle(self.config)
        scheduler = Scheduler(self.config, throttle, stops_unaudited=stops)
        desk = CallDesk(throttle, self.audit, redact, stops=stops)
        waiting = waiting or waiting_by(self._clock)
        self._workers = Workers(scheduler, desk, self.config.pool_size, self._clock, waiting, name)
        weakref.finalize(self, self._workers.close_from_anywhere)

    @property
    def available_permits(self) -> int:
        """How many more calls could be made at this moment. A row that backs off has no permit."""
        return self._workers.scheduler.available_permits

    @property
    def pending_count(self) -> int:
        """How many rows were taken on and have no result yet."""
        return self._workers.scheduler.pending_count

    def get_stats(self) -> PoolStatistics:
        """Return what was counted so far; it agrees with the audit."""
        with self._workers.lock:
            return self._workers.scheduler.get_stats()

    def execute_batch(self, contexts: Iterable[RowContext], process_fn: ProcessFunction) -> list[TransformResult]:
        """Make a call, or as many as it takes, for each row, and return the results in the order of the rows.

        A capacity error is tried again until the configured time is over, and is an error result then; any other
        exception is an error result at once. KeyboardInterrupt and SystemExit end the batch and are raised here, once
        its calls that are under way have ended. Raises :class:`AuditError` where a call cannot be put on record,
        :class:`PoolUseError` on an executor that is shut down, and in a call of its own.
        """
        self._workers.check()
        bell = Bell()
        batch = Batch(process_fn, ReorderBuffer(self._clock), bell.ring)
        try:
            self._workers.add(batch, list(contexts))
            while not batch.is_over:
                bell.wait()
        except BaseException:
            self._workers.end(batch)
            raise
        if batch.failure is not None:
            raise failure_of(batch)
        return [ready.result for ready in batch.buffer.take_ready()]

    def submit(self, context: RowContext, process_fn: ProcessFunction) -> Future[TransformResult]:
        """Take on one row. The future can be cancelled until the first call begins.

        Do not wait for it in a call of the same executor: with all permits waiting so, it would be for ever.
        """
        self._workers.check_process()
        future: Future[TransformResult] = Future()
        workers = self._workers
        batch = Batch(
            process_fn,
            ReorderBuffer(self._clock),
            lambda: workers.deliver_later(lambda: _deliver(batch, future)),
            may_begin=future.set_running_or_notify_cancel,
        )
        workers.add(batch, [context])

        def end_if_cancelled(_: object) -> None:
            if future.cancelled() and workers.end(batch):
                future.set_running_or_notify_cancel()  # Who waits for several futures is told by this alone.

        future.add_done_callback(end_if_cancelled)
        return future

    def stream(
        self, contexts: Iterable[RowContext], process_fn: ProcessFunction, *, ahead: int | None = None
    ) -> Iterator[TransformResult]:
        """Yield the results in the order of the rows, each when it is its turn; errors as of :meth:`execute_batch`.

        Rows are taken from ``contexts`` one by one, at most ``ahead`` (four for each permit, and at least 16) of them
        before the result that is yielded next: that is all that is held in memory, however many there are. An iterator
        that is not gone on with gives up its rows when it is closed or forgotten.
        """
        self._workers.check()
        return self._stream(iter(contexts), process_fn, look_ahead(ahead, self.config.pool_size))

    def shutdown(self, wait: bool = True) -> None:
        """Take no more rows. wait: finish those that are pending, and return when the threads have ended.

        Without, rows that have not begun or back off get an error result (``shutdown``, retryable) at once, calls that
        are under way end by themselves, and nothing is waited for. More than once does no harm.
        """
        if wait:
            self._workers.close()
            self._workers.join()
        else:
            self._workers.interrupt()

    def __enter__(self) -> PooledExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.shutdown(wait=False)
        self.shutdown(wait=True)

    def _stream(
        self, source: Iterator[RowContext], process_fn: ProcessFunction, ahead: int
    ) -> Iterator[TransformResult]:
        workers = self._workers
        bell = Bell()
        batch = Batch(process_fn, ReorderBuffer(self._clock), bell.ring, streams=True)
        in_hand = 0
        has_more = True
        try:
            while has_more or in_hand:
                if has_more and in_hand < ahead:
                    try:
                        context = next(source)
                    except StopIteration:
                        has_more = False
                        continue
                    workers.add(batch, [context])
                    in_hand += 1
                    ready = batch.buffer.take_ready()
                else:
                    while not (ready := batch.buffer.take_ready()) and not batch.is_over:
                        bell.wait()
                for one in ready:
                    in_hand -= 1
                    yield one.result
                if batch.failure is not None:
                    raise failure_of(batch)
        finally:
            workers.end_from_anywhere(batch)


def stops_unaudited(audit_failure: str) -> bool:
    """Return whether calls that cannot be put on record stop their batch; :class:`PoolValueError` for another word."""
    if audit_failure not in ("stop", "continue"):
        raise PoolValueError("bad-audit-failure", f"audit_failure is {audit_failure!r}.", "It is stop or continue.")
    return audit_failure == "stop"


def look_ahead(ahead: int | None, pool_size: int) -> int:
    """Return how many rows a stream may have in hand; :class:`PoolValueError` for less than one."""
    if ahead is None:
        return max(16, 4 * pool_size)
    if ahead < 1:
        raise PoolValueError("bad-ahead", f"ahead is {ahead}.", "It has to be a whole number from 1.")
    return ahead


def failure_of(batch: Batch) -> BaseException:
    """Return what ended a batch; an :class:`AuditError` has the results that were there."""
    failure = batch.failure
    assert failure is not None
    if isinstance(failure, AuditError):
        kept = {one.submit_index: one.result for one in batch.buffer.take_all()}
        failure.results = tuple(kept.get(index) for index in range(batch.buffer.submitted_count))
    return failure


def _deliver(batch: Batch, future: Future[TransformResult]) -> None:
    ready = batch.buffer.take_ready()
    try:
        if batch.failure is not None:
            future.set_exception(failure_of(batch))
        elif ready:
            future.set_result(ready[0].result)
    except InvalidStateError:
        pass  # It was cancelled meanwhile.
