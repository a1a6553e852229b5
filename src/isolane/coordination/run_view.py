"""One run as its events tell it so far: who runs what since when, what is left, what has failed."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from isolane.model.events import (
    CollectionFinished,
    Event,
    RunFinished,
    RunStarted,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
)
from isolane.model.outcome import BAD

_FAILURES = 5
"""How many of the newest failures are kept: a picture has no room for more."""


@dataclass(frozen=True)
class Running:
    """A test that runs. worker: empty where nobody tells, as of xdist's. since: seconds since the epoch."""

    node_id: str
    worker: str
    since: float


@dataclass(frozen=True)
class Failed:
    """A test that failed. message: the first line of why."""

    node_id: str
    message: str


@dataclass
class WorkerView:
    """One worker. busy_seconds: of the tests that it has finished. reason: why it has gone, if not told to."""

    name: str
    started: float
    process_id: int | None = None
    busy_seconds: float = 0.0
    done: int = 0
    stopped: float | None = None
    reason: str = ""


@dataclass
class RunView:
    """A run that goes on, or has ended.

    expected: seconds by node id, where durations are known. total: how many tests there are, None until they are
    collected.
    """

    started: float = 0.0
    ended: float | None = None
    total: int | None = None
    done: int = 0
    failed: int = 0
    failures: deque[Failed] = field(default_factory=lambda: deque(maxlen=_FAILURES))
    workers: dict[str, WorkerView] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    _expected_left: float = 0.0

    def add(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, TestStarted):
            self.running[event.node_id] = Running(event.node_id, event.worker, event.at)
            self._worker(event.worker, event.at)
        elif isinstance(event, TestFinished):
            self._finish(event)
        elif isinstance(event, WorkerStarted):
            known = self._worker(event.worker, event.at)
            if known is not None:
                known.process_id, known.stopped, known.reason = event.process_id, None, ""
        elif isinstance(event, WorkerStopped):
            known = self._worker(event.worker, event.at)
            if known is not None:
                known.stopped, known.reason = event.at, event.reason
            self.running = {name: one for name, one in self.running.items() if one.worker != event.worker}
        elif isinstance(event, CollectionFinished):
            self.total = len(event.node_ids)
            self.expect(self.expected, event.node_ids)
        elif isinstance(event, RunStarted):
            self.started = event.process_started
        elif isinstance(event, RunFinished):
            self.ended = event.at
            self.running.clear()

    def expect(self, expected: Mapping[str, float], left: tuple[str, ...]) -> None:
        """Take durations as known. left: the tests that have not ended yet."""
        self.expected = expected
        self._expected_left = sum(expected.get(node_id, 0.0) for node_id in left)

    @property
    def live_workers(self) -> list[WorkerView]:
        """Return the workers that are there, in the order in which they came."""
        return [one for one in self.workers.values() if one.stopped is None]

    @property
    def busy(self) -> int:
        """Return how many workers run a test."""
        return min(len(self.running), len(self.live_workers))

    @property
    def queued(self) -> int:
        """Return how many tests wait for a worker."""
        return max(0, (self.total or 0) - self.done - len(self.running))

    def longest_running(self) -> list[Running]:
        """Return the tests that run, that which has run for longest first."""
        return sorted(self.running.values(), key=lambda one: one.since)

    def utilisation(self, now: float) -> float:
        """Return which share of the workers' time went into tests, 0 to 1."""
        busy = sum(one.busy_seconds for one in self.workers.values())
        busy += sum(max(0.0, now - one.since) for one in self.running.values())
        until = now if self.ended is None else self.ended
        there = sum(
            max(0.0, (until if one.stopped is None else one.stopped) - one.started) for one in self.workers.values()
        )
        return min(1.0, busy / there) if there > 0 else 0.0

    def seconds_left(self, now: float) -> float | None:
        """Return how long it will probably go on; None where nothing can be said yet.

        From what the tests that are left are expected to take, where that is known, shared by the workers; else from
        the time of those that are done.
        """
        left = (self.total or 0) - self.done
        if self.ended is not None or left <= 0:
            return None
        workers = max(1, len(self.live_workers))
        if self._expected_left > 0:
            ran = sum(min(now - one.since, self.expected.get(one.node_id, 0.0)) for one in self.running.values())
            return max(0.0, self._expected_left - ran) / workers
        first = min((one.started for one in self.workers.values()), default=None)
        return (now - first) / self.done * left if self.done and first is not None else None

    def _finish(self, event: TestFinished) -> None:
        self.running.pop(event.node_id, None)
        self.done += 1
        self._expected_left -= self.expected.get(event.node_id, 0.0)
        if event.category in BAD:
            self.failed += 1
            self.failures.append(Failed(event.node_id, event.message or event.category.value))
        worker = self._worker(event.worker, event.at - event.seconds)
        if worker is not None:
            worker.done += 1
            worker.busy_seconds += event.seconds

    def _worker(self, name: str, at: float) -> WorkerView | None:
        """Return a worker by its name; one that nobody has announced, as in a serial run, is there from now on."""
        if not name:
            return None
        return self.workers.setdefault(name, WorkerView(name, at))
