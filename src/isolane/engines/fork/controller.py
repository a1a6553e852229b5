"""The controller's loop: forks workers, hands out units, hears what becomes of them, replaces what dies.

One thread, one selector. It runs no test and knows nothing of pytest: what the messages mean to pytest is the
listener's business. Who runs what is the coordinator's.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from isolane.coordination.workers import WorkerCoordinator
from isolane.engines.fork.dispatcher import Dispatcher
from isolane.engines.fork.hearing import Hearing
from isolane.engines.fork.known_worker import Share, Unsettled, Worker
from isolane.engines.fork.lane import ONE_TEST, TERMINAL, Board, Lane, Order
from isolane.engines.fork.listener import Crash, Limits, Listener
from isolane.engines.fork.messages import (
    AGAIN,
    STANDS,
    Finished,
    Goodbye,
    Message,
    Reported,
    Started,
    SubtestsFailed,
    SuiteProperties,
    WantsWork,
    Warned,
)
from isolane.engines.fork.process import fork
from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import IsolaneError
from isolane.planning.units import Unit

if TYPE_CHECKING:
    from isolane.engines.fork.starts import Starts

_TICK_SECONDS = 0.5
_GRACE_SECONDS = 1.5
"""How long workers that were interrupted may take to tear down."""
_FAREWELL_SECONDS = 10.0
"""How long a worker may take to end after it has torn down: its exit handlers, the threads it waits for."""
_MOST_STILLBORN = 5
"""How many workers in a row may die before they have begun with any test."""
_OF_A_TEST = (Reported, SubtestsFailed, SuiteProperties, Warned, Finished)
"""What is said of a test while it runs, but for its start."""


class Controller:
    """Runs units over forked workers.

    worker: what a new process does with its lane and its name; it never returns. units: in the order in which they
    are handed out. starts: how workers are started; by default in the simplest way, until the system refuses one.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        count: int,
        worker: Callable[[Lane], NoReturn],
        listener: Listener,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        clock: Clock | None = None,
        *,
        starts: Starts | None = None,
    ) -> None:
        self.board = Board()
        self.units = units
        self.failed_workers = 0
        self.winding_up = False
        """Whatever happens now, the run is over."""
        self._stillborn = 0
        self._someone_left = False
        self._to_start: list[str] = []
        """Names of workers that are about to be forked; a new one's is empty."""
        self._starts = starts
        self._starting = 0
        """How many of them have been asked for, and are not there yet."""
        self._next_start = _TICK_SECONDS
        self._no_room: IsolaneError | None = None
        self._count = count
        self._worker = worker
        self._listener = listener
        self._limits = limits
        self._clock = clock or SystemClock()
        self._workers: dict[str, Worker] = {}
        self._names = iter(range(1 << 30))
        self._last_tick = 0.0
        self._dispatcher = Dispatcher(units, count, self.board, self._workers, self._clock)
        self._hearing = Hearing(self._workers, self._take, listener.printed, self._clock.monotonic)

    # -- what the listener may ask

    @property
    def coordinator(self) -> WorkerCoordinator[Share]:
        """Return who runs what."""
        return self._dispatcher.coordinator

    def unit_of(self, worker: str) -> int:
        """Return the number of the unit that a worker runs; ONE_TEST for a test that runs again."""
        current = self._workers[worker].current
        return current.task.payload.number if current is not None else ONE_TEST

    def stop(self) -> None:
        """Let no further test start; what runs is finished and torn down."""
        self.board.stop()
        self._dispatcher.stop()

    def run_again(self, test: int) -> None:
        """Queue one test once more, before all others."""
        self._dispatcher.run_again(test)

    def give_terminal(self, name: str) -> None:
        """Let a worker have the terminal: the others are not heard until :meth:`take_terminal_back`."""
        worker = self._workers[name]
        self._hearing.only(worker)
        worker.lane.give(Order(0, TERMINAL, 0))

    def take_terminal_back(self) -> None:
        """Hear everyone again."""
        self._hearing.all_again()

    # -- the run

    def run(self) -> None:
        """Run everything; return when the last worker has ended.

        Whatever ends it, no worker is left: they are interrupted, have a moment to tear down, and are killed. Raises
        :class:`IsolaneError` where the system starts none at all.
        """
        try:
            for _ in range(min(self._count, len(self.units))):
                self._start_worker()
            while self._workers or self._waits_for_workers():
                self._turn(min(_TICK_SECONDS, self._next_start))
                # Here, and not where one has ended: all workers have equally many frames below them.
                while self._to_start:
                    self._start_worker(self._to_start.pop())
                self._start_refused()
                if self._someone_left:
                    self._someone_left = False
                    self._dispatcher.offer()
            if self._no_room is not None and self._dispatcher.queued and not self.board.stopped:
                raise self._no_room
        except BaseException:
            self._wind_up()
            raise
        finally:
            if self._starts is not None:
                self._starts.drop()
            self._kill_all()
            self._hearing.close()

    def _turn(self, timeout: float) -> None:
        self._hearing.wait(timeout)
        now = self._clock.monotonic()
        if now - self._last_tick >= _TICK_SECONDS:
            self._last_tick = now
            self._tick(now)

    def _tick(self, now: float) -> None:
        for worker in list(self._workers.values()):
            self.coordinator.heartbeat(worker.name)  # a live process beats: a test may well be silent for an hour
            if worker.held and now - worker.held_since > _TICK_SECONDS and worker.unsettled:
                self._tell_early(worker)
            if worker.process.handle < 0 and worker.process.poll():
                self._ended(worker)
            elif worker.said_goodbye_at is not None:
                if now - worker.said_goodbye_at > _FAREWELL_SECONDS:
                    worker.process.kill()
            elif (
                self._limits.silence
                and self._hearing.terminal_of is None
                and not worker.killed_because
                and now - worker.last_heard > self._limits.silence
            ):
                worker.killed_because = f"nothing was heard of it for {self._limits.silence:g} s"
                worker.process.kill()

    def _tell_early(self, worker: Worker) -> None:
        """Tell what has been held back for long, while a test runs that may take longer still."""
        over = max((place for place, one in enumerate(worker.held) if type(one) is Finished), default=-1) + 1
        told, worker.held = worker.held[:over], worker.held[over:]
        worker.held_since = self._clock.monotonic()
        for message in told:
            self._listener.message(worker.name, message)
        self._listener.told_early(worker.name, told)

    def _waits_for_workers(self) -> bool:
        return bool((self._to_start or self._starting) and self._dispatcher.queued and not self.board.stopped)

    def _start_worker(self, name: str = "") -> None:
        name = name or f"gw{next(self._names)}"
        self._listener.worker_starts(name)
        if self._starts is None:
            try:
                return self._fork(name)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOMEM):
                    raise
            from isolane.engines.fork.starts import Starts

            self._starts = Starts(self._clock)
        self._starting += 1
        self._starts.submit(f"worker {name}", partial(self._start, name), self._not_started)
        return self._start_refused()

    def _start_refused(self) -> None:
        """Start what the system has refused, where its time has come."""
        if self._starting and self._starts is not None and not self.board.stopped:
            pause = self._starts.step()
            self._next_start = _TICK_SECONDS if pause is None else pause

    def _start(self, name: str) -> None:
        self._fork(name)
        self._starting -= 1

    def _not_started(self, error: IsolaneError) -> None:
        self._starting -= 1
        self._no_room = error

    def _fork(self, name: str) -> None:
        others = [worker.lane for worker in self._workers.values()]
        lane = Lane(name, self.board)

        def child() -> NoReturn:
            for other in others:
                other.leave_to_others()
            self._worker(lane)

        try:
            process = fork(child)
        except OSError:
            lane.hold()
            lane.close()
            raise
        lane.hold()
        worker = Worker(name, lane, process, last_heard=self._clock.monotonic())
        self._workers[name] = worker
        self.coordinator.register_worker(name)
        self._hearing.begin(worker, partial(self._ended, worker))
        self._listener.worker_started(name, process.pid)
        self._dispatcher.give_next(worker)

    # -- hearing

    def _take(self, worker: Worker, message: Message) -> None:
        if type(message) is Started:
            self._test_started(worker, message.test)
        if self._limits.holds and isinstance(message, _OF_A_TEST):
            if not worker.held:
                worker.held_since = self._clock.monotonic()
            worker.held.append(message)
            if type(message) is Finished:
                self._test_finished(worker, message.verdict)
            return
        if type(message) is Goodbye:
            self._release(worker)
        self._listener.message(worker.name, message)
        if type(message) is Finished:
            self._test_finished(worker, STANDS)
        elif type(message) is WantsWork:
            self._dispatcher.work_wanted(worker)
        elif type(message) is Goodbye:
            worker.said_goodbye_at = self._clock.monotonic()
            worker.renews = message.renews

    def _test_started(self, worker: Worker, test: int) -> None:
        worker.running = test
        worker.has_begun = True
        worker.waiting = False
        if worker.current is None:
            worker.current, worker.ahead = worker.ahead, None
            self._dispatcher.unit_begun(worker)

    def _test_finished(self, worker: Worker, verdict: int) -> None:
        worker.running = None
        assignment = worker.current
        if assignment is not None:
            share = assignment.task.payload
            if not worker.unsettled or worker.unsettled[-1].assignment is not assignment:
                worker.unsettled.append(Unsettled(assignment, share.done))
            share.done += 1
            if not share.left:
                worker.current = None
                self._dispatcher.offer()
        if verdict == STANDS:
            self._release(worker)
        elif verdict == AGAIN:
            self._rewind(worker)

    def _release(self, worker: Worker) -> None:
        """Tell what was held back: it stands."""
        held, worker.held = worker.held, []
        for message in held:
            self._listener.message(worker.name, message)
        unsettled, worker.unsettled = worker.unsettled, []
        for one in unsettled:
            if not one.assignment.task.payload.left:
                self.coordinator.complete(one.assignment)

    def _rewind(self, worker: Worker) -> None:
        """Have all that nobody had looked at run again, each test looked after; the worker itself is leaving."""
        held, worker.held = worker.held, []
        self._listener.runs_again(worker.name, held)
        worker.rewound, worker.unsettled = worker.unsettled, []
        for one in worker.rewound:
            share = one.assignment.task.payload
            share.closely_until, share.done = share.done, one.first
        worker.current = None  # it is the last of them

    # -- the end of a worker

    def _ended(self, worker: Worker) -> None:
        """Hear the worker's last words, and see what it leaves undone."""
        if worker.name not in self._workers:
            return
        try:
            worker.process.poll()
            self._hearing.hear_out(worker)
            if worker.said_goodbye_at is None:
                self._release(worker)  # it died: nobody can look any more, and what it said is all there is
            self._workers.pop(worker.name)
            if worker.said_goodbye_at is None:
                worker.process.end_group()  # no fixture will end it any more
                self._crashed(worker)
            else:
                self._left(worker)
        finally:
            self._workers.pop(worker.name, None)
            self._close(worker)
            self._someone_left = True
        if not self.board.stopped:
            queued = self._dispatcher.queued
            open_to_work = sum(not other.finishing for other in self._workers.values()) + len(self._to_start)
            open_to_work += self._starting
            if queued and open_to_work < self._count and self._may_replace():
                self._to_start.append(worker.name if worker.renews else "")

    def _left(self, worker: Worker) -> None:
        self._dispatcher.take_all_back(worker)
        self.coordinator.retire(worker.name)
        self._listener.worker_stopped(worker.name)

    def _crashed(self, worker: Worker) -> None:
        if self._hearing.terminal_of == worker.name:
            self.take_terminal_back()
        self._dispatcher.take_back(worker)
        test = worker.running
        self.failed_workers += 1
        self._stillborn = 0 if worker.has_begun else self._stillborn + 1
        crash = Crash(
            worker.name,
            test,
            worker.killed_because or worker.process.cause(),
            worker.lane.printed(),
        )
        if worker.current is not None and test is not None:
            worker.current.task.payload.done += 1  # it had its turn, and is told of as crashed
            if not worker.current.task.payload.left:
                self.coordinator.complete(worker.current)
        _, given_up = self.coordinator.worker_failed(worker.name)
        queued = self._dispatcher.queued
        self._listener.worker_crashed(crash, replaced=bool(queued) and self._may_replace() and not self.board.stopped)
        for task in given_up:
            self._listener.given_up(task.payload.left, crash.cause)
        if self._stillborn >= _MOST_STILLBORN and not self.winding_up:
            raise RuntimeError(f"{self._stillborn} workers in a row ended before their first test; {crash.cause}")

    def _may_replace(self) -> bool:
        return self._limits.restarts is None or self.failed_workers <= self._limits.restarts

    def _close(self, worker: Worker) -> None:
        self._hearing.end(worker)
        worker.lane.close()
        worker.process.close()

    def _wind_up(self) -> None:
        """Interrupt the workers and hear how they tear down, for a moment."""
        self.winding_up = True
        self.take_terminal_back()
        self.stop()
        interrupted = [worker.process for worker in self._workers.values()]
        for worker in self._workers.values():
            worker.finishing = True
            worker.process.interrupt()
        deadline = self._clock.monotonic() + _GRACE_SECONDS
        while self._workers and (left := deadline - self._clock.monotonic()) > 0:
            self._turn(min(left, _TICK_SECONDS / 10))
        for process in interrupted:
            process.end_group()

    def _kill_all(self) -> None:
        for worker in list(self._workers.values()):
            worker.process.kill()
            worker.process.reap()
            self._close(worker)
        self._workers.clear()
