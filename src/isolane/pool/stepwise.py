"""The pooled executor for a loop of the caller's own: the same scheduler, no thread, a call at a time."""

from __future__ import annotations

from collections.abc import Callable

from isolane.model.clock import Clock, SystemClock
from isolane.pool.audit import AuditSink, MemoryAudit
from isolane.pool.batch import Batch, Task
from isolane.pool.calls import CallDesk
from isolane.pool.capacity import CapacityError
from isolane.pool.config import PoolConfig
from isolane.pool.executor import ProcessFunction, failure_of
from isolane.pool.reorder import ReorderBuffer
from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext
from isolane.pool.scheduler import Scheduler
from isolane.pool.throttle import AIMDThrottle


class StepwiseExecutor:
    """:class:`~isolane.pool.executor.PooledExecutor` for who must not have threads, as before a fork.

    Calls are made in :meth:`step`, by whoever asks for it. What a function raises but :class:`CapacityError` is on
    record, and passes through: there is nobody between it and its caller.
    """

    def __init__(
        self, config: PoolConfig | None = None, *, audit: AuditSink | None = None, clock: Clock | None = None
    ) -> None:
        self.config = config or PoolConfig()
        self.audit: AuditSink = MemoryAudit() if audit is None else audit
        self._clock = clock or SystemClock()
        throttle = AIMDThrottle(self.config)
        self._scheduler = Scheduler(self.config, throttle, stops_unaudited=True)
        self._desk = CallDesk(throttle, self.audit, (), stops=True)
        self._batches: set[Batch] = set()

    @property
    def pending_count(self) -> int:
        """How many rows were taken on and have no result yet."""
        return self._scheduler.pending_count

    def submit(self, context: RowContext, process_fn: ProcessFunction, done: Callable[[TransformResult], None]) -> None:
        """Take on one row; ``done`` is called with its result in the step in which that is there."""

        def changed() -> None:
            for ready in batch.buffer.take_ready():
                done(ready.result)
            self._batches.discard(batch)

        batch = Batch(process_fn, ReorderBuffer(self._clock), changed)
        self._batches.add(batch)
        self._scheduler.add(batch, [context], self._clock.monotonic())

    def step(self) -> float | None:
        """Make the calls that can be made now; return in how many seconds there will be more, None: not by itself."""
        clock = self._clock
        while isinstance(step := self._scheduler.take(clock.monotonic()), Task):
            ending, raised = self._desk.make(step, clock)
            if raised is not None and not isinstance(raised, CapacityError):
                ending = ending._replace(result=None, passing=raised)
            self._scheduler.finish(step, ending, clock.monotonic())
            if step.batch.failure is not None:
                raise failure_of(step.batch)
        return step

    def drop(self) -> None:
        """Give up the rows that wait: nobody wants them any more."""
        for batch in list(self._batches):
            self._scheduler.end(batch)

    def call(self, context: RowContext, process_fn: ProcessFunction) -> TransformResult:
        """Make a call, or as many as it takes, and return the result; sleep meanwhile."""
        results: list[TransformResult] = []
        self.submit(context, process_fn, results.append)
        while not results:
            self._clock.sleep(self.step() or 0.0)
        return results[0]
