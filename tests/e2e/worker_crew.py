"""Real worker processes under a coordinator, sessions and a dashboard: what the scenarios of parallel execution use."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from isolane.coordination.dashboard import LiveDashboard
from isolane.coordination.file_locks import FileLocks
from isolane.coordination.sessions import SessionManager
from isolane.coordination.workers import Assignment, Task, WorkerCoordinator, WorkerStatus
from isolane.model.clock import Clock
from isolane.model.events import CollectionFinished, TestFinished, TestStarted, WorkerStarted, WorkerStopped
from isolane.model.outcome import Category

LIMIT = 20.0
"""Seconds after which a scenario is given up: none takes one."""
_LISTEN = 0.01
Action = Callable[[str], None]
"""What a worker does with a payload. It runs in the worker's process."""


class Crew:
    """Workers, one process each, that do what is queued.

    A worker answers each task with a line, and sends one that says nothing but that it lives when it is asked to. That
    it has died is seen by the end of its connection, and by nothing else.
    """

    def __init__(self, home: Path, action: Action, clock: Clock, *, maximum: int = 16) -> None:
        self.sessions = SessionManager(home, clock)
        self.locks = FileLocks(self.sessions, home)
        self.coordinator = WorkerCoordinator[str](clock, maximum=maximum)
        self.dashboard = LiveDashboard(clock)
        self.most_at_once = 0
        self.processes: dict[str, int] = {}
        self._action = action
        self._clock = clock
        self._connections: dict[str, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._given: dict[str, Assignment[str]] = {}
        self._stopped: set[str] = set()
        self._kept: dict[str, list[str]] = {}
        self._queued: dict[str, list[str]] = {}

    # -- workers

    def start(self, *names: str) -> None:
        for name in names:
            ours, theirs = socket.socketpair()
            process = os.fork()
            if not process:
                for connection in (ours, *self._connections.values()):
                    connection.close()  # or the others would not see that the crew lets go of them
                _work(theirs, self._action)
            theirs.close()
            self.processes[name] = process
            self._connections[name] = ours
            self._selector.register(ours, selectors.EVENT_READ, name)
            self.coordinator.register_worker(name)
            for session in self._queued:
                self.dashboard.add(session, WorkerStarted(self._clock.now(), name, process))

    def scale(self, wanted: int) -> list[str]:
        """Start and let go workers until there are so many; return who has left."""
        missing, leaving = self.coordinator.scale(wanted)
        first = len(self.processes)
        self.start(*(f"w{first + number}" for number in range(missing)))
        for name in leaving:
            self.coordinator.retire(name)
            self._end(name)
        return leaving

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.processes[name], number)

    def stop(self, name: str) -> None:
        """Stop a worker's process, and see that it stands still."""
        self.signal(name, signal.SIGSTOP)
        _, status = os.waitpid(self.processes[name], os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        self._stopped.add(name)

    def ask_for_signs_of_life(self) -> None:
        """Ask all, and hear whoever answers: those that a signal has stopped cannot."""
        for connection in self._connections.values():
            connection.sendall(b"?\n")
        waiting = set(self._connections) - self._stopped
        while waiting:
            waiting -= set(self._hear())

    # -- tasks

    def queue(self, session: str, *payloads: str) -> None:
        known = self._queued.setdefault(session, [])
        for payload in payloads:
            task_id = f"{session}::{len(known)}"
            known.append(task_id)
            self.coordinator.queue(Task(task_id, payload, session))
        self.dashboard.add(session, CollectionFinished(self._clock.now(), tuple(known)))
        for name, process in self.processes.items():
            self.dashboard.add(session, WorkerStarted(self._clock.now(), name, process))

    def assign(self) -> None:
        """Give each worker that has nothing, and is not given up, the front of the queue."""
        live = (WorkerStatus.IDLE, WorkerStatus.BUSY)
        statuses = {name: one.status for name, one in self.coordinator.statistics().workers.items()}
        for name, connection in self._connections.items():
            if name in self._given or statuses[name] not in live:
                continue
            assignment = self.coordinator.assign(name)
            if assignment is None:
                return
            self._given[name] = assignment
            self.most_at_once = max(self.most_at_once, len(self._given))
            task = assignment.task
            self.dashboard.add(task.session, TestStarted(self._clock.now(), task.task_id, name))
            with contextlib.suppress(OSError):  # it has died: that is heard
                connection.sendall(json.dumps([assignment.token, task.payload]).encode() + b"\n")

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Assign and hear until all is done, or until that is so."""
        give_up = time.monotonic() + LIMIT
        while not (until() if until is not None else self._is_done()):
            assert time.monotonic() < give_up, "the scenario does not come to its end"
            self.assign()
            if not (until() if until is not None else self._is_done()):
                self._hear()

    def check_health(self) -> list[str]:
        silent = self.coordinator.check_worker_health()
        for name in silent:
            self._lose(name, "silent")
        return silent

    def results(self, session: str) -> list[str]:
        return self._kept.get(session, [])

    def holding(self, name: str) -> Assignment[str] | None:
        return self._given.get(name)

    # -- the steps they share

    def _is_done(self) -> bool:
        statistics = self.coordinator.statistics()
        return not statistics.queued and not statistics.assigned

    def _hear(self) -> list[str]:
        heard = []
        for key, _ in self._selector.select(_LISTEN):
            name = key.data
            data = b""
            with contextlib.suppress(ConnectionResetError):
                data = self._connections[name].recv(65536)
            if not data:
                with self._connections.pop(name) as ended:
                    self._selector.unregister(ended)
                self.coordinator.worker_failed(name)
                self._lose(name, "died")
                continue
            heard.append(name)
            for line in data.splitlines():
                if line == b"!":
                    self.coordinator.heartbeat(name)
                else:
                    self._answered(name, int(line))
        return heard

    def _answered(self, name: str, token: int) -> None:
        assignment = self._given.get(name)
        late = assignment is None or assignment.token != token
        if late:
            # Of one that was given up: the coordinator is told all the same, and says that it does not count.
            assert not self.coordinator.complete(Assignment(Task("late", ""), name, token, 1))
            return
        assert assignment is not None
        del self._given[name]
        assert self.coordinator.complete(assignment)
        task = assignment.task
        self._kept.setdefault(task.session, []).append(task.task_id)
        self.dashboard.add(task.session, TestFinished(self._clock.now(), task.task_id, name, Category.PASSED))
        if self.sessions.is_ours(task.session):
            self.sessions.progress(task.session, len(self._kept[task.session]), len(self._queued[task.session]))

    def _lose(self, name: str, why: str) -> None:
        self._given.pop(name, None)
        for session in self._queued:
            self.dashboard.add(session, WorkerStopped(self._clock.now(), name, why))

    def _end(self, name: str) -> None:
        connection = self._connections.pop(name, None)
        if connection is not None:
            self._selector.unregister(connection)
            connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.processes[name], signal.SIGCONT)
        os.waitpid(self.processes[name], 0)
        for session in self._queued:
            self.dashboard.add(session, WorkerStopped(self._clock.now(), name))

    def close(self) -> None:
        for name, process in self.processes.items():
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            if name in self._connections:
                self._connections.pop(name).close()
        self._selector.close()


@contextlib.contextmanager
def crew(home: Path, action: Action, clock: Clock, *workers: str, maximum: int = 16) -> Iterator[Crew]:
    home.mkdir(exist_ok=True)
    made = Crew(home, action, clock, maximum=maximum)
    try:
        made.start(*workers)
        yield made
    finally:
        made.close()


def _work(connection: socket.socket, action: Action) -> None:
    """Be a worker until the connection ends."""
    code = 1
    try:
        for line in connection.makefile("rb"):
            if line == b"?\n":
                connection.sendall(b"!\n")
                continue
            token, payload = json.loads(line)
            action(payload)
            connection.sendall(b"%d\n" % token)
        code = 0
    finally:
        os._exit(code)


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what another process does; no longer than the limit."""
    give_up = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < give_up, "it did not happen"
        os.sched_yield()
