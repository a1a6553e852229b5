"""Who is running what: the engines' own state of workers, queue and assignments.

Pure: no I/O, no thread, no waiting; time comes from the clock that is handed in. An engine is one loop, so nothing is
locked. What cannot be (assigning to a worker that is gone, a task id twice) is a ``ValueError``: the engine is wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from isolane.model.clock import Clock

Payload = TypeVar("Payload")
# The generic classes have no slots: before Python 3.13 a frozen one with slots cannot be made as ``Task[str](...)``.


class WorkerStatus(Enum):
    """What a worker is to the coordinator. Idle and busy ones are *live*; the others must register anew to get work."""

    IDLE = "idle"
    BUSY = "busy"
    OFFLINE = "offline"
    """It left when it was told to, or has been silent for longer than the timeout."""
    ERROR = "error"
    """It failed: the process died, or broke down."""


_LIVE = frozenset({WorkerStatus.IDLE, WorkerStatus.BUSY})


@dataclass(frozen=True)
class Task(Generic[Payload]):
    """A unit of work. task_id: unique among the tasks that are not done. session: whose task it is."""

    task_id: str
    payload: Payload
    session: str = ""


@dataclass(frozen=True)
class Assignment(Generic[Payload]):
    """A task given to a worker. token: never used twice. attempt: from 1, those counted that ended with the worker."""

    task: Task[Payload]
    worker: str
    token: int
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerStatistics:
    """One worker, over all the times it was registered.

    completed: tasks. busy_seconds: for how long it held at least one task. utilisation: that over the time for which
    it was live, 0 to 1; 0 where no time has passed.
    """

    status: WorkerStatus
    completed: int
    busy_seconds: float
    utilisation: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Each task ever queued is in exactly one of queued, assigned, completed, given_up.

    failed_workers: how often one failed or went silent. requeued: tasks that lost their worker and were queued again.
    late: completions that did not count. workers: by name, in order of registration.
    """

    queued: int
    assigned: int
    completed: int
    given_up: int
    failed_workers: int
    requeued: int
    late: int
    workers: Mapping[str, WorkerStatistics]


@dataclass(slots=True)
class _Worker(Generic[Payload]):
    """A worker's state. The times are the clock's monotonic ones, of the worker's present life; sums are of all."""

    name: str
    registered: float
    heard: float
    """When it last gave a sign of life, or was given work after it had none."""
    status: WorkerStatus = WorkerStatus.IDLE
    holdings: deque[Assignment[Payload]] = field(default_factory=deque)
    busy_since: float = 0.0
    completed: int = 0
    busy_seconds: float = 0.0
    live_seconds: float = 0.0

    def statistics(self, now: float) -> WorkerStatistics:
        busy, live = self.busy_seconds, self.live_seconds
        if self.status in _LIVE:
            live += now - self.registered
        if self.holdings:
            busy += now - self.busy_since
        return WorkerStatistics(self.status, self.completed, busy, min(1.0, busy / live) if live > 0 else 0.0)


class WorkerCoordinator(Generic[Payload]):
    """Hands out tasks in the order of the queue, and knows at any moment who holds which.

    maximum: most live workers. heartbeat_timeout: seconds of silence after which a worker is offline.
    most_attempts: how many workers a task may take down before it is given up.

    >>> from isolane.model.clock import FakeClock
    >>> coordinator = WorkerCoordinator[str](FakeClock(), maximum=2)
    >>> coordinator.register_worker("gw0")
    >>> coordinator.queue(Task("1", "test_a.py"))
    >>> given = coordinator.assign("gw0")
    >>> coordinator.complete(given), coordinator.complete(given)
    (True, False)
    """

    def __init__(self, clock: Clock, *, maximum: int, heartbeat_timeout: float = 30.0, most_attempts: int = 5) -> None:
        if maximum < 1 or most_attempts < 1 or not heartbeat_timeout > 0:
            raise ValueError(
                f"maximum {maximum} and most_attempts {most_attempts} are from 1, "
                f"heartbeat_timeout {heartbeat_timeout} is over 0"
            )
        self._clock = clock
        self._maximum = maximum
        self._timeout = heartbeat_timeout
        self._most_attempts = most_attempts
        self._queue: deque[Task[Payload]] = deque()
        self._open: set[str] = set()
        """Ids of the tasks that are queued or assigned."""
        self._workers: dict[str, _Worker[Payload]] = {}
        self._holders: dict[int, _Worker[Payload]] = {}
        """Who holds the assignment with that token: these tokens, and no others, are in force."""
        self._last_token = 0
        self._attempts: dict[str, int] = {}
        """How many workers an open task has taken down; most have no entry."""
        self._given_up: list[Task[Payload]] = []
        self._completed = self._failed_workers = self._requeued = self._late = 0

    # -- workers come and go

    def register_worker(self, worker: str) -> None:
        """Take in a worker, idle. One that is offline or failed may come back; a live one may not come twice."""
        known = self._workers.get(worker)
        if known is not None and known.status in _LIVE:
            raise ValueError(f"worker {worker!r} is registered already")
        if self._live_count() >= self._maximum:
            raise ValueError(f"worker {worker!r} is one more than the maximum of {self._maximum}")
        now = self._clock.monotonic()
        if known is None:
            self._workers[worker] = _Worker(worker, registered=now, heard=now)
        else:
            known.status, known.registered, known.heard = WorkerStatus.IDLE, now, now

    def retire(self, worker: str) -> None:
        """Let an idle worker leave: it is offline, and has not failed. Any other worker is a ``ValueError``."""
        record = self._live(worker)
        if record.holdings:
            raise ValueError(f"worker {worker!r} is busy: only an idle one may leave")
        self._end_life(record, WorkerStatus.OFFLINE)

    def scale(self, wanted: int) -> tuple[int, list[str]]:
        """Return how many workers to start, never over the maximum, and which idle ones may leave, the newest first.

        Nothing changes: the engine registers those that it has started, and retires those that it lets go.
        """
        if wanted < 0:
            raise ValueError(f"{wanted} workers cannot be")
        surplus = self._live_count() - min(wanted, self._maximum)
        if surplus <= 0:
            return -surplus, []
        idle = [one for one in self._workers.values() if one.status is WorkerStatus.IDLE]
        idle.sort(key=lambda one: one.registered)  # stable: of those that came at one moment the later counts as newer
        return 0, [one.name for one in reversed(idle)][:surplus]

    def heartbeat(self, worker: str) -> None:
        """Note a sign of life. A worker that is offline or failed stays so: it must register anew."""
        self._known(worker).heard = self._clock.monotonic()

    def check_worker_health(self) -> list[str]:
        """Mark those offline that have been silent for longer than the timeout; return their names.

        What they held goes to the front of the queue, as in :meth:`worker_failed`; what is given up is told
        by :attr:`given_up`. Completing a task is a sign of life. Work given to an empty-handed worker starts the
        wait anew: it may have had nothing to say.
        """
        now = self._clock.monotonic()
        silent = [one for one in self._workers.values() if one.status in _LIVE and now - one.heard > self._timeout]
        for record in reversed(silent):  # so that what the first of them ran is at the very front
            self._lose(record, WorkerStatus.OFFLINE, blame_first=True)
        return [record.name for record in silent]

    def worker_failed(
        self, worker: str, *, blame_first: bool = True
    ) -> tuple[list[Task[Payload]], list[Task[Payload]]]:
        """Mark a worker as failed; return the tasks requeued at the front, in their order, and those given up.

        blame_first: whether the task that it was running has an attempt counted; those that waited never have. A
        worker that has gone already holds nothing: two empty lists.
        """
        record = self._known(worker)
        if record.status not in _LIVE:
            return [], []
        return self._lose(record, WorkerStatus.ERROR, blame_first=blame_first)

    # -- tasks

    def queue(self, task: Task[Payload], *, first: bool = False) -> None:
        """Put a task at the end of the queue, or at its front. The id of a task that is not done is refused."""
        if task.task_id in self._open:
            raise ValueError(f"task {task.task_id!r} is queued or assigned already")
        self._open.add(task.task_id)
        if first:
            self._queue.appendleft(task)
        else:
            self._queue.append(task)

    def front(self, fits: Callable[[Task[Payload]], bool] | None = None) -> Task[Payload] | None:
        """Return the task that would be given now; None where there is none. fits: as in :meth:`assign`."""
        return next((task for task in self._queue if fits is None or fits(task)), None)

    def assign(self, worker: str, fits: Callable[[Task[Payload]], bool] | None = None) -> Assignment[Payload] | None:
        """Give the front of the queue to a live worker; None where the queue is empty.

        A worker may hold more than one: the first is the one it runs, the rest wait ahead. fits: the first task that
        does is given, None where none does.
        """
        record = self._live(worker)
        task = self.front(fits)
        if task is None:
            return None
        self._queue.remove(task)
        self._last_token = token = self._last_token + 1
        assignment = Assignment(task, worker, token, self._attempts.get(task.task_id, 0) + 1)
        if not record.holdings:
            record.status = WorkerStatus.BUSY
            record.busy_since = record.heard = self._clock.monotonic()
        record.holdings.append(assignment)
        self._holders[token] = record
        return assignment

    def take_back(self, assignment: Assignment[Payload]) -> bool:
        """Put a task that its worker gave back unstarted at the front of the queue; its attempt does not count.

        Of several give the last back first, and the queue is as it was. False: the token is no longer in force, as in
        :meth:`complete`.
        """
        record = self._release(assignment)
        if record is None:
            return False
        self._queue.appendleft(assignment.task)
        return True

    def complete(self, assignment: Assignment[Payload]) -> bool:
        """Take a task as done. False: its token is no longer in force (the worker was given up), nothing changes."""
        record = self._release(assignment)
        if record is None:
            self._late += 1
            return False
        record.completed += 1
        self._completed += 1
        self._open.discard(assignment.task.task_id)
        self._attempts.pop(assignment.task.task_id, None)
        return True

    # -- what is known

    @property
    def given_up(self) -> tuple[Task[Payload], ...]:
        """Return the tasks given up so far, whether their workers failed or went silent, in that order."""
        return tuple(self._given_up)

    def holdings(self, worker: str) -> tuple[Assignment[Payload], ...]:
        """Return what a worker holds: first what it runs, then what waits ahead."""
        return tuple(self._known(worker).holdings)

    def statistics(self) -> Statistics:
        """Return all figures as of now."""
        now = self._clock.monotonic()
        return Statistics(
            queued=len(self._queue),
            assigned=len(self._holders),
            completed=self._completed,
            given_up=len(self._given_up),
            failed_workers=self._failed_workers,
            requeued=self._requeued,
            late=self._late,
            workers={name: record.statistics(now) for name, record in self._workers.items()},
        )

    # -- the steps they share

    def _known(self, worker: str) -> _Worker[Payload]:
        record = self._workers.get(worker)
        if record is None:
            raise ValueError(f"worker {worker!r} was never registered")
        return record

    def _live(self, worker: str) -> _Worker[Payload]:
        record = self._known(worker)
        if record.status not in _LIVE:
            raise ValueError(f"worker {worker!r} is {record.status.value}: it must register anew")
        return record

    def _live_count(self) -> int:
        return sum(record.status in _LIVE for record in self._workers.values())

    def _release(self, assignment: Assignment[Payload]) -> _Worker[Payload] | None:
        """Take an assignment from its worker, which has spoken. None: its token is no longer in force."""
        record = self._holders.pop(assignment.token, None)
        if record is None:
            return None
        record.heard = now = self._clock.monotonic()
        if record.holdings[0].token == assignment.token:
            record.holdings.popleft()
        else:
            record.holdings.remove(assignment)
        if not record.holdings:
            record.status = WorkerStatus.IDLE
            record.busy_seconds += now - record.busy_since
        return record

    def _lose(
        self, record: _Worker[Payload], status: WorkerStatus, *, blame_first: bool
    ) -> tuple[list[Task[Payload]], list[Task[Payload]]]:
        """End a worker's life; requeue what it held, but for a running task that has used up its attempts."""
        held = list(record.holdings)
        self._end_life(record, status)
        self._failed_workers += 1
        requeued = [assignment.task for assignment in held]
        given_up: list[Task[Payload]] = []
        if held and blame_first:
            running = held[0]
            self._attempts[running.task.task_id] = running.attempt
            if running.attempt >= self._most_attempts:
                given_up.append(requeued.pop(0))
                self._open.discard(running.task.task_id)
                del self._attempts[running.task.task_id]
        self._given_up += given_up
        self._requeued += len(requeued)
        self._queue.extendleft(reversed(requeued))
        return requeued, given_up

    def _end_life(self, record: _Worker[Payload], status: WorkerStatus) -> None:
        now = self._clock.monotonic()
        if record.holdings:
            record.busy_seconds += now - record.busy_since
        for assignment in record.holdings:
            del self._holders[assignment.token]
        record.holdings.clear()
        record.live_seconds += now - record.registered
        record.status = status
