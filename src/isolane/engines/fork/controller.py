"""The controller's loop: forks workers, hands out units, hears what becomes of them, replaces what dies.

One thread, one selector. It runs no test and knows nothing of pytest: what the messages mean to pytest is the
listener's business. Who runs what is the coordinator's.
"""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from isolane.coordination.workers import Assignment, Task, WorkerCoordinator
from isolane.engines.fork.known_worker import Share, Unsettled, Worker
from isolane.engines.fork.lane import FINISH, ONE_TEST, PAUSE, TERMINAL, Board, Lane, Order
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
from isolane.planning.dispatch import richest
from isolane.planning.needs import NOTHING, may_run_beside, needs_together
from isolane.planning.units import Unit

_TICK_SECONDS = 0.5
_GRACE_SECONDS = 1.5
"""How long workers that were interrupted may take to tear down."""
_FAREWELL_SECONDS = 10.0
"""How long a worker may take to end after it has torn down: its exit handlers, the threads it waits for."""
_MOST_CRASHES = 5
"""How many crashes of one unit are suffered before the rest of its tests is given up."""
_MOST_STILLBORN = 5
"""How many workers in a row may die before they have begun with any test."""
_READ = 1 << 18
_OF_A_TEST = (Reported, SubtestsFailed, SuiteProperties, Warned, Finished)
"""What is said of a test while it runs, but for its start."""


class Controller:
    """Runs units over forked workers.

    worker: what a new process does with its lane and its name; it never returns. units: in the order in which they
    are handed out.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        count: int,
        worker: Callable[[Lane], NoReturn],
        listener: Listener,
        limits: Limits = Limits(),  # noqa: B008  # immutable
        clock: Clock | None = None,
    ) -> None:
        self.board = Board()
        self.units = units
        self.failed_workers = 0
        self.winding_up = False
        """Whatever happens now, the run is over."""
        self._stillborn = 0
        self._someone_left = False
        self._have_needs = any(unit.needs != NOTHING for unit in units)
        self._to_start: list[str] = []
        """Names of workers that are about to be forked; a new one's is empty."""
        self._count = count
        self._worker = worker
        self._listener = listener
        self._limits = limits
        self._clock = clock or SystemClock()
        self._coordinator: WorkerCoordinator[Share] = WorkerCoordinator(
            self._clock, maximum=count, most_attempts=_MOST_CRASHES
        )
        self._selector = selectors.DefaultSelector()
        self._workers: dict[str, Worker] = {}
        self._names = iter(range(1 << 30))
        self._terminal_of: str | None = None
        self._last_tick = 0.0
        for number, unit in enumerate(units):
            self._coordinator.queue(Task(str(number), Share(number, unit.tests)))

    # -- what the listener may ask

    @property
    def coordinator(self) -> WorkerCoordinator[Share]:
        """Return who runs what."""
        return self._coordinator

    def stop(self) -> None:
        """Let no further test start; what runs is finished and torn down."""
        self.board.stop()
        for worker in self._workers.values():
            if (self._take_back(worker) or self._have_needs) and worker.waiting:
                self._work_wanted(worker)

    def run_again(self, test: int) -> None:
        """Queue one test once more, before all others."""
        self._coordinator.queue(Task(f"again-{test}", Share(ONE_TEST, (test,))), first=True)

    def give_terminal(self, name: str) -> None:
        """Let a worker have the terminal: the others are not heard until :meth:`take_terminal_back`."""
        self._terminal_of = name
        for worker in self._workers.values():
            if worker.name != name:
                self._deafen(worker)
        worker = self._workers[name]
        for source, stream in worker.sources().items():
            while stream != "messages" and source not in worker.at_end and self._hear(worker, source, stream):
                pass  # what it has written so far comes before what it is going to write to the terminal itself
        worker.lane.give(Order(0, TERMINAL, 0))

    def take_terminal_back(self) -> None:
        """Hear everyone again."""
        self._terminal_of = None
        for worker in self._workers.values():
            self._listen(worker)

    # -- the run

    def run(self) -> None:
        """Run everything; return when the last worker has ended.

        Whatever ends it, no worker is left: they are interrupted, have a moment to tear down, and are killed.
        """
        try:
            for _ in range(min(self._count, len(self.units))):
                self._start_worker()
            while self._workers or self._to_start:
                self._turn(_TICK_SECONDS)
                # Here, and not where one has ended: all workers have equally many frames below them.
                while self._to_start:
                    self._start_worker(self._to_start.pop())
                if self._have_needs and self._someone_left:
                    self._someone_left = False
                    self._offer()
        except BaseException:
            self._wind_up()
            raise
        finally:
            self._kill_all()
            self._selector.close()

    def _turn(self, timeout: float) -> None:
        registered = self._selector.get_map()
        for key, _ in self._selector.select(timeout):
            # What was heard a moment ago may have deafened us to this one: two may ask for the terminal at once.
            if key.fd in registered:
                key.data()
        now = self._clock.monotonic()
        if now - self._last_tick >= _TICK_SECONDS:
            self._last_tick = now
            self._tick(now)

    def _tick(self, now: float) -> None:
        for worker in list(self._workers.values()):
            self._coordinator.heartbeat(worker.name)  # a live process beats: a test may well be silent for an hour
            if worker.held and now - worker.held_since > _TICK_SECONDS and worker.unsettled:
                self._tell_early(worker)
            if worker.process.handle < 0 and worker.process.poll():
                self._ended(worker)
            elif worker.said_goodbye_at is not None:
                if now - worker.said_goodbye_at > _FAREWELL_SECONDS:
                    worker.process.kill()
            elif (
                self._limits.silence
                and self._terminal_of is None
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

    def _start_worker(self, name: str = "") -> None:
        name = name or f"gw{next(self._names)}"
        self._listener.worker_starts(name)
        others = [worker.lane for worker in self._workers.values()]
        lane = Lane(name, self.board)

        def child() -> NoReturn:
            for other in others:
                other.leave_to_others()
            self._worker(lane)

        process = fork(child)
        lane.hold()
        worker = Worker(name, lane, process, last_heard=self._clock.monotonic())
        self._workers[name] = worker
        self._coordinator.register_worker(name)
        self._listen(worker)
        if process.handle >= 0:
            self._selector.register(process.handle, selectors.EVENT_READ, partial(self._ended, worker))
        self._listener.worker_started(name, process.pid)
        self._give_next(worker)

    # -- handing out

    def _give_next(self, worker: Worker) -> bool:
        """Give the worker a unit, where there is one and tests may still start."""
        if self.board.stopped:
            return False
        assignment = self._coordinator.assign(worker.name, self._fits(worker))
        if assignment is None:
            return False
        worker.ahead = assignment
        worker.lane.give(assignment.task.payload.order(assignment.token))
        return True

    def _fits(self, worker: Worker) -> Callable[[Task[Share]], bool] | None:
        """Return what says whether a unit may run in this worker, whatever the others run now or next."""
        if not self._have_needs:
            return None
        others = [
            needs_together(self._unit_of(one).needs for one in (other.current, other.ahead) if one is not None)
            for other in self._workers.values()
            if other is not worker and (other.current is not None or other.ahead is not None)
        ]
        return lambda task: may_run_beside(self._unit_of_share(task.payload).needs, others, workers=self._count)

    def _work_wanted(self, worker: Worker) -> None:
        """A worker waits for more: from the queue, else from the worker that has most waiting, else it may go.

        Where all that is queued needs what others have, it waits on: torn down, so that it does not keep what it has.
        """
        worker.waiting = True
        if worker.ahead is not None or worker.finishing:
            return  # what it asks for is on its way
        if not self.board.stopped and not self._give_next(worker):
            self._steal_for(worker)
        if worker.ahead is not None:
            return
        if self._have_needs and not self.board.stopped and self._coordinator.statistics().queued:
            if worker.current is not None:
                worker.lane.give(Order(0, PAUSE, 0))
            return
        worker.finishing = True
        worker.lane.give(Order(0, FINISH, 0))

    def _offer(self) -> None:
        """See whether those that wait can have something, now that somebody has done with a unit."""
        for worker in list(self._workers.values()):
            if worker.waiting and worker.current is None and worker.said_goodbye_at is None:
                self._work_wanted(worker)

    def _steal_for(self, worker: Worker) -> None:
        # What lies before a worker that waits is as good as taken: it would not ask for it again. A worker that is
        # just coming up keeps its first unit: where there is work for all, all have some, however short the tests.
        waiting = {
            other.name: self._unit_of(other.ahead)
            for other in self._workers.values()
            if other.ahead is not None and other.has_begun and not other.waiting
        }
        for name in richest(waiting):
            if self._take_back(self._workers[name]) and self._give_next(worker):
                return

    def _take_back(self, worker: Worker) -> bool:
        """Take back what waits for the worker; False where it has taken it itself."""
        if worker.ahead is None or worker.lane.take_back() is None:
            return False
        self._coordinator.take_back(worker.ahead)
        worker.ahead = None
        return True

    def _unit_of(self, assignment: Assignment[Share]) -> Unit:
        return self._unit_of_share(assignment.task.payload)

    def _unit_of_share(self, share: Share) -> Unit:
        if share.number != ONE_TEST:
            return self.units[share.number]
        needs = next((unit.needs for unit in self.units if share.tests[0] in unit.tests), NOTHING)
        return Unit("", tuple(share.tests), needs=needs)

    # -- hearing

    def _listen(self, worker: Worker) -> None:
        registered = self._selector.get_map()
        for source, stream in worker.sources().items():
            if source not in worker.at_end and source not in registered:
                self._selector.register(source, selectors.EVENT_READ, partial(self._hear, worker, source, stream))  # type: ignore[arg-type]

    def _deafen(self, worker: Worker) -> None:
        registered = self._selector.get_map()
        for source in worker.sources():
            if source in registered:
                self._selector.unregister(source)  # type: ignore[arg-type]

    def _hear(self, worker: Worker, source: Any, stream: str) -> bool:
        """Read what has come, as much as is there; return whether there may be more."""
        if self._workers.get(worker.name) is not worker:  # it ended in this very turn, and was heard out
            return False
        try:
            data = source.recv(_READ) if stream == "messages" else os.read(source, _READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            worker.at_end.add(source)
            if source in self._selector.get_map():
                self._selector.unregister(source)
            return False
        if stream == "messages":
            worker.last_heard = self._clock.monotonic()
            for message in worker.decoder.feed(data):
                self._take(worker, message)
            return True
        *lines, rest = (worker.partial_lines.get(stream, b"") + data).split(b"\n")
        worker.partial_lines[stream] = rest
        for line in lines:
            self._listener.printed(worker.name, stream, line.decode("utf-8", "replace"))
        return True

    def _hear_out(self, worker: Worker) -> None:
        """Read what is left in its connections; others may hold them open, so their end is not waited for."""
        for source, stream in worker.sources().items():
            while source not in worker.at_end and self._hear(worker, source, stream):
                pass
            rest = worker.partial_lines.pop(stream, b"")
            if rest:
                self._listener.printed(worker.name, stream, rest.decode("utf-8", "replace"))

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
            self._work_wanted(worker)
        elif type(message) is Goodbye:
            worker.said_goodbye_at = self._clock.monotonic()
            worker.renews = message.renews

    def _test_started(self, worker: Worker, test: int) -> None:
        worker.running = test
        worker.has_begun = True
        worker.waiting = False
        if worker.current is None:
            worker.current, worker.ahead = worker.ahead, None
            self._give_next(worker)  # one unit is always waiting, so that the worker never does

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
                if self._have_needs:
                    self._offer()
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
                self._coordinator.complete(one.assignment)

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
            self._hear_out(worker)
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
            queued = self._coordinator.statistics().queued
            open_to_work = sum(not other.finishing for other in self._workers.values()) + len(self._to_start)
            if queued and open_to_work < self._count and self._may_replace():
                self._to_start.append(worker.name if worker.renews else "")

    def _left(self, worker: Worker) -> None:
        if worker.ahead is not None and not self._take_back(worker):  # it had taken a unit, and could not begin it
            self._coordinator.take_back(worker.ahead)
            worker.ahead = None
        if worker.current is not None:  # it was stopped in the midst of a unit
            worker.current.task.payload.closely_until = 0  # if somebody was looked for, it has been found
            self._coordinator.take_back(worker.current)
        for one in reversed(worker.rewound):
            self._coordinator.take_back(one.assignment)
        self._coordinator.retire(worker.name)
        self._listener.worker_stopped(worker.name)

    def _crashed(self, worker: Worker) -> None:
        if self._terminal_of == worker.name:
            self.take_terminal_back()
        self._take_back(worker)
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
                self._coordinator.complete(worker.current)
        _, given_up = self._coordinator.worker_failed(worker.name)
        queued = self._coordinator.statistics().queued
        self._listener.worker_crashed(crash, replaced=bool(queued) and self._may_replace() and not self.board.stopped)
        for task in given_up:
            self._listener.given_up(task.payload.left, crash.cause)
        if self._stillborn >= _MOST_STILLBORN:
            raise RuntimeError(f"{self._stillborn} workers in a row ended before their first test; {crash.cause}")

    def _may_replace(self) -> bool:
        return self._limits.restarts is None or self.failed_workers <= self._limits.restarts

    def _close(self, worker: Worker) -> None:
        self._deafen(worker)
        if worker.process.handle >= 0:
            self._selector.unregister(worker.process.handle)
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
