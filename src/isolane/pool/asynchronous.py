"""The pooled executor for coroutines: the same scheduler, one event loop, no thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Literal

from isolane.model.clock import Clock, SystemClock
from isolane.pool.audit import AuditSink, MemoryAudit
from isolane.pool.batch import Batch, Task
from isolane.pool.calls import CallDesk, Ending
from isolane.pool.config import PoolConfig
from isolane.pool.counts import PoolStatistics
from isolane.pool.errors import PoolUseError
from isolane.pool.executor import failure_of, look_ahead, stops_unaudited
from isolane.pool.reorder import ReorderBuffer
from isolane.pool.result import TransformResult
from isolane.pool.row import RowContext
from isolane.pool.scheduler import Scheduler
from isolane.pool.throttle import AIMDThrottle

AsyncProcessFunction = Callable[[Any, str], Awaitable[TransformResult]]
"""What is done for a row, as a coroutine function."""

_calling: ContextVar[Task | None] = ContextVar("isolane_pool_call", default=None)
"""The call that is made in this context."""


class AsyncPooledExecutor:
    """:class:`~isolane.pool.executor.PooledExecutor` for coroutines; arguments and rules are the same.

    It belongs to the event loop in which it is first used, and to its thread. A record is written before the loop goes
    on: with a sink on a disk, the loop waits for the disk. What cancels :meth:`execute_batch` cancels its calls, and
    waits for them to end. With a clock that is not the machine's, the clock sleeps instead of the loop.
    """

    def __init__(
        self,
        config: PoolConfig | None = None,
        *,
        audit: AuditSink | None = None,
        redact: Iterable[str] = (),
        audit_failure: Literal["stop", "continue"] = "stop",
        clock: Clock | None = None,
    ) -> None:
        self.config = config or PoolConfig()
        self.audit: AuditSink = MemoryAudit() if audit is None else audit
        self._clock = clock or SystemClock()
        stops = stops_unaudited(audit_failure)
        throttle = AIMDThrottle(self.config)
        self._scheduler = Scheduler(self.config, throttle, stops_unaudited=stops)
        self._desk = CallDesk(throttle, self.audit, redact, stops=stops)
        self._calls: dict[asyncio.Task[Ending], Task] = {}
        self._timer: asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle = asyncio.Event()

    @property
    def available_permits(self) -> int:
        """How many more calls could be made at this moment. A row that backs off has no permit."""
        return self._scheduler.available_permits

    @property
    def pending_count(self) -> int:
        """How many rows were taken on and have no result yet."""
        return self._scheduler.pending_count

    def get_stats(self) -> PoolStatistics:
        """Return what was counted so far; it agrees with the audit."""
        return self._scheduler.get_stats()

    async def execute_batch(
        self, contexts: Iterable[RowContext], process_fn: AsyncProcessFunction
    ) -> list[TransformResult]:
        """Return the results in the order of the rows; see :meth:`PooledExecutor.execute_batch`."""
        self._check()
        changed = asyncio.Event()
        batch = Batch(process_fn, ReorderBuffer(self._clock), changed.set)
        self._add(batch, contexts)
        await self._until_over(batch, changed)
        return [ready.result for ready in batch.buffer.take_ready()]

    def submit(self, context: RowContext, process_fn: AsyncProcessFunction) -> asyncio.Task[TransformResult]:
        """Take on one row. The task can be cancelled at any time, also while its call runs or backs off."""
        self._check_loop()
        changed = asyncio.Event()
        batch = Batch(process_fn, ReorderBuffer(self._clock), changed.set)
        self._add(batch, [context])
        waiting = asyncio.get_running_loop().create_task(self._result_of(batch, changed))
        # Cancelled before its first step, the coroutine itself does nothing.
        waiting.add_done_callback(lambda _: self._give_up(batch))
        return waiting

    async def stream(
        self,
        contexts: Iterable[RowContext],
        process_fn: AsyncProcessFunction,
        *,
        ahead: int | None = None,
    ) -> AsyncIterator[TransformResult]:
        """Yield the results in the order of the rows; see :meth:`PooledExecutor.stream`.

        An iterator that is not gone on with has to be closed (``contextlib.aclosing``), as every asynchronous one.
        """
        self._check()
        most = look_ahead(ahead, self.config.pool_size)
        source: Iterator[RowContext] | None = iter(contexts)
        changed = asyncio.Event()
        batch = Batch(process_fn, ReorderBuffer(self._clock), changed.set, streams=True)
        in_hand = 0
        try:
            while source is not None or in_hand:
                if source is not None and in_hand < most:
                    try:
                        context = next(source)
                    except StopIteration:
                        source = None
                        continue
                    self._add(batch, [context])
                    in_hand += 1
                    ready = batch.buffer.take_ready()
                else:
                    while not (ready := batch.buffer.take_ready()) and not batch.is_over:
                        changed.clear()
                        await changed.wait()
                for one in ready:
                    in_hand -= 1
                    yield one.result
                if batch.failure is not None:
                    raise failure_of(batch)
        finally:
            await self._end(batch)

    async def shutdown(self, wait: bool = True) -> None:
        """Take no more rows; see :meth:`PooledExecutor.shutdown`."""
        self._scheduler.is_closed = True
        if not wait:
            self._scheduler.interrupt(self._clock.monotonic())
        elif _calling.get() not in self._calls.values():
            while self._scheduler.pending_count:
                self._idle.clear()
                await self._idle.wait()
        if self._timer is not None and not self._scheduler.has_waiting:
            self._timer.cancel()
            self._timer = None

    async def __aenter__(self) -> AsyncPooledExecutor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            await self.shutdown(wait=False)
        await self.shutdown(wait=True)

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop and self._scheduler.pending_count:
            raise PoolUseError(
                "pool-of-another-loop", "The executor is at work in another event loop.", "Make one each."
            )
        self._loop = loop

    def _check(self) -> None:
        self._check_loop()
        if _calling.get() in self._calls.values():
            raise PoolUseError(
                "pool-nested",
                "A call waits for a batch of the executor that makes it: with all permits taken so, for ever.",
                "Use another executor for what calls need themselves.",
            )

    def _add(self, batch: Batch, contexts: Iterable[RowContext]) -> None:
        self._scheduler.add(batch, list(contexts), self._clock.monotonic())
        self._go_on()

    async def _until_over(self, batch: Batch, changed: asyncio.Event) -> None:
        """Wait for a batch; who is cancelled meanwhile gives it up. Raises what ended it."""
        try:
            while not batch.is_over:
                changed.clear()
                await changed.wait()
        except BaseException:
            await self._end(batch)
            raise
        if batch.failure is not None:
            raise failure_of(batch)

    async def _result_of(self, batch: Batch, changed: asyncio.Event) -> TransformResult:
        await self._until_over(batch, changed)
        result: TransformResult = batch.buffer.take_ready()[0].result
        return result

    async def _end(self, batch: Batch) -> None:
        """Give up a batch, and see its calls end."""
        calls = self._give_up(batch)
        if calls:
            await asyncio.wait(calls)

    def _give_up(self, batch: Batch) -> list[asyncio.Task[Ending]]:
        """Drop a batch's rows that wait, cancel its calls and return these."""
        if self._scheduler.end(batch) and not self._scheduler.pending_count:
            self._idle.set()
        calls = [call for call, task in self._calls.items() if task.batch is batch]
        for call in calls:
            call.cancel()
        return calls

    def _go_on(self) -> None:
        """Make the calls that can be made now, and see to it that the next are made in time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        while isinstance(step := self._scheduler.take(self._clock.monotonic()), Task):
            call = loop.create_task(self._made(step))
            self._calls[call] = step
            call.add_done_callback(self._ended)
        if step is not None:
            if isinstance(self._clock, SystemClock):
                self._timer = loop.call_later(step, self._go_on)
            else:
                self._timer = loop.call_soon(self._sleep, step)
        if not self._scheduler.pending_count:
            self._idle.set()

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self._go_on()

    def _ended(self, call: asyncio.Task[Ending]) -> None:
        """Take a call's permit back; in a callback, as a coroutine cancelled before its first step does nothing."""
        task = self._calls.pop(call)
        if call.cancelled():
            ending = Ending(None)
        else:
            error = call.exception()
            ending = call.result() if error is None else Ending(None, passing=error)
        self._scheduler.finish(task, ending, self._clock.monotonic())
        self._go_on()

    async def _made(self, task: Task) -> Ending:
        """Make a call."""
        refused = self._desk.begin(task)
        if refused is not None:
            return refused
        _calling.set(task)
        clock, returned, raised = self._clock, None, None
        wall, started = clock.now(), clock.monotonic()
        try:
            returned = await task.batch.function(task.context.row, task.context.state_id)
        except BaseException as error:  # noqa: BLE001 - judged at the desk; what must pass through does
            raised = error
        return self._desk.end(task, returned, raised, wall, started, clock.monotonic())
