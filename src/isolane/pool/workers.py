"""The threads of a pool: each takes a call, makes it, tells what it came to, and takes the next.

A thread is a permit: there are as many as there may be calls, made when they are first wanted. A row that backs off is
in the scheduler's heap and holds none.

How nobody is forgotten: of the threads that wait, one has the time at which the next row may begin (the lead); the
others wait to be called. Who takes a call and leaves more behind calls one of them, and that one the next. A thread
that wants to wait, and finds a lead whose time is later than its own, becomes the lead itself.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial

from isolane.model.clock import Clock
from isolane.pool.batch import Batch, Task
from isolane.pool.calls import CallDesk, Ending
from isolane.pool.errors import PoolUseError
from isolane.pool.row import RowContext
from isolane.pool.scheduler import Scheduler
from isolane.pool.waiting import Waiting

_calling: ContextVar[Workers | None] = ContextVar("isolane_pool_workers", default=None)
"""Whose call is made in this context."""
_alive: weakref.WeakSet[Workers] = weakref.WeakSet()
_LOOKS, _BETWEEN_LOOKS = 500, 0.001
"""Seconds between them. The lock is held for microseconds, or by the very thread that looks."""


class Workers:
    """The threads, and the lock of all that they share. size: how many there may be."""

    def __init__(
        self, scheduler: Scheduler, desk: CallDesk, size: int, clock: Clock, waiting: Waiting, name: str
    ) -> None:
        self.scheduler = scheduler
        self.lock = threading.Lock()
        self._desk = desk
        self._size = size
        self._clock = clock
        self._waiting = waiting
        self._name = name
        self._wake = threading.Condition(self.lock)
        self._idle = 0
        self._lead_until: float | None = None
        self._threads: set[threading.Thread] = set()
        self._made = 0
        self._deliveries: deque[Callable[[], None]] = deque()
        self._process = os.getpid()

    def check_process(self) -> None:
        """Raise :class:`PoolUseError` in a child that was forked."""
        if self._is_forked():
            raise PoolUseError(
                "pool-forked", "The executor was made in another process.", "Make one in each process, after the fork."
            )

    def check(self) -> None:
        """Raise :class:`PoolUseError` where a batch that is waited for could never end."""
        self.check_process()
        if _calling.get() is self:
            raise PoolUseError(
                "pool-nested",
                "A call waits for a batch of the executor that makes it: with all permits taken so, for ever.",
                "Use another executor for what calls need themselves.",
            )

    def add(self, batch: Batch, contexts: Sequence[RowContext]) -> None:
        """Take rows on, and call a thread."""
        with self.lock:
            self.scheduler.add(batch, contexts, self._clock.monotonic())
            try:
                self._call_one()
            except BaseException:
                self.scheduler.end(batch)
                raise

    def end(self, batch: Batch) -> int:
        """Give up a batch's rows that wait, and return how many."""
        if self._is_forked():
            return 0
        with self.lock:
            dropped = self.scheduler.end(batch)
            self._call_all_if_done()
        self._deliver()
        return dropped

    def end_from_anywhere(self, batch: Batch) -> None:
        """Do the same, be it the garbage collector that calls."""
        self._from_anywhere(partial(self.end, batch))

    def deliver_later(self, delivery: Callable[[], None]) -> None:
        """Have something done soon, without the lock that is held now."""
        self._deliveries.append(delivery)

    def close(self) -> None:
        """Take no more rows; threads end when there is nothing pending."""
        if self._is_forked():
            return
        with self.lock:
            self.scheduler.is_closed = True
            self._wake.notify_all()

    def close_from_anywhere(self) -> None:
        """Do the same, be it the garbage collector that calls."""
        self._from_anywhere(self.close)

    def interrupt(self) -> None:
        """Take no more rows, and give those that wait an error."""
        if self._is_forked():
            return
        with self.lock:
            self.scheduler.interrupt(self._clock.monotonic())
            self._wake.notify_all()
        self._deliver()

    def join(self) -> None:
        """Wait for the threads to end. A call that asks for this would wait for itself: it does not."""
        if _calling.get() is self or self._is_forked():
            return
        with self.lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()

    def _is_forked(self) -> bool:
        """Whether this is a copy in a child: it has none of the threads, and its lock may be held by one of them."""
        return os.getpid() != self._process

    def _from_anywhere(self, action: Callable[[], object]) -> None:
        """Do something that takes the lock, in a thread that may have it.

        The garbage collector interrupts a thread anywhere. Where the lock does not get free, another thread does it.
        """
        if self._is_forked():
            return
        looks = 0
        while self.lock.locked():
            if looks == _LOOKS:
                threading.Thread(target=action, name=f"{self._name}-end", daemon=True).start()
                return
            looks += 1
            time.sleep(_BETWEEN_LOOKS)
        action()

    def _call_one(self) -> None:
        """See to it that a thread comes for what there is to do. The lock is held."""
        if self._idle:
            self._wake.notify()
        elif len(self._threads) < self._size and self.scheduler.has_waiting:
            self._made += 1
            thread = threading.Thread(target=self._work, name=f"{self._name}-{self._made}", daemon=True)
            self._threads.add(thread)
            _alive.add(self)
            try:
                thread.start()
            except BaseException as error:
                if thread.ident is None:
                    self._threads.discard(thread)
                if not (isinstance(error, RuntimeError) and self._threads):
                    raise  # Where there is another thread, that one will do.

    def _call_all_if_done(self) -> None:
        if self.scheduler.is_closed and not self.scheduler.pending_count:
            self._wake.notify_all()

    def _work(self) -> None:
        _calling.set(self)
        task: Task | None = None
        ending: Ending | None = None
        try:
            while True:
                with self.lock:
                    if task is not None and ending is not None:
                        self.scheduler.finish(task, ending, self._clock.monotonic())
                        task = ending = None
                        self._call_all_if_done()
                    task = self._next()
                if task is None:
                    return
                ending = self._make(task)
        finally:
            with self.lock:
                self._threads.discard(threading.current_thread())

    def _next(self) -> Task | None:
        """Wait for a call to make; None when there will be none any more. The lock is held."""
        scheduler = self.scheduler
        while True:
            now = self._clock.monotonic()
            step = scheduler.take(now)
            if self._deliveries:
                self.lock.release()
                try:
                    self._deliver()
                finally:
                    self.lock.acquire()
                if not isinstance(step, Task):
                    continue  # Much may have changed meanwhile.
            if isinstance(step, Task):
                if scheduler.has_waiting:
                    self._call_one()
                return step
            if scheduler.is_closed and not scheduler.pending_count:
                self._wake.notify_all()
                return None
            self._wait(now, step)

    def _wait(self, now: float, seconds: float | None) -> None:
        self._idle += 1
        try:
            if seconds is None or (self._lead_until is not None and self._lead_until <= now + seconds):
                self._wake.wait()
                return
            self._lead_until = mine = now + seconds
            try:
                self._waiting.wait(self._wake, seconds)
            finally:
                if self._lead_until == mine:
                    self._lead_until = None
        finally:
            self._idle -= 1

    def _make(self, task: Task) -> Ending:
        """Make a call, without the lock. Whatever goes wrong, there is an ending: a permit is never lost."""
        try:
            may_begin = task.batch.may_begin
            if may_begin is not None and not task.attempt and not may_begin():
                return Ending(None)
            return self._desk.make(task, self._clock)[0]
        except BaseException as error:  # noqa: BLE001 - a sink's or our own: whoever waits for the batch is told
            return Ending(None, passing=error)

    def _deliver(self) -> None:
        while True:
            try:
                delivery = self._deliveries.popleft()
            except IndexError:
                return
            try:
                delivery()
            except BaseException:  # noqa: BLE001 - a callback of the user's; the thread has other rows to see to
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))


def _end_all() -> None:
    """See to it that no thread of a pool runs while the interpreter goes down."""
    for workers in list(_alive):
        workers.interrupt()
        workers.join()


weakref.finalize(_alive, _end_all)  # At exit. An atexit handler of our own would be a trace that the first test leaves.
