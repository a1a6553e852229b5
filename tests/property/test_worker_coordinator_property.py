"""The coordinator against a simple model: lists that are searched, where it has indices and counters."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from isolane.coordination.workers import Assignment, Task, WorkerCoordinator, WorkerStatus
from isolane.model.clock import FakeClock

MAXIMUM = 3
MOST_ATTEMPTS = 2
TIMEOUT = 10.0
NAMES = [f"gw{number}" for number in range(MAXIMUM + 1)]
LIVE = {WorkerStatus.IDLE, WorkerStatus.BUSY}


class Coordination(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.coordinator = WorkerCoordinator[int](
            self.clock, maximum=MAXIMUM, heartbeat_timeout=TIMEOUT, most_attempts=MOST_ATTEMPTS
        )
        self.queued: list[Task[int]] = []
        self.held: dict[str, list[Assignment[int]]] = {}
        """By live worker."""
        self.gone: dict[str, WorkerStatus] = {}
        self.heard: dict[str, float] = {}
        self.losses: dict[str, int] = {}
        self.done: list[str] = []
        self.given_up: list[Task[int]] = []
        self.void: list[Assignment[int]] = []
        """Assignments that are not in force any more."""
        self.tokens: set[int] = set()
        self.tasks = 0

    def worker_from(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.held)), label="worker")

    def lose(self, worker: str, status: WorkerStatus, blame: bool) -> tuple[list[Task[int]], list[Task[int]]]:
        held = self.held.pop(worker)
        self.gone[worker] = status
        self.void += held
        kept, given_up = [one.task for one in held], []
        if kept and blame:
            task_id = kept[0].task_id
            self.losses[task_id] = self.losses.get(task_id, 0) + 1
            if self.losses[task_id] == MOST_ATTEMPTS:
                given_up = [kept.pop(0)]
        self.given_up += given_up
        self.queued = kept + self.queued
        return kept, given_up

    @initialize()
    def begin(self) -> None:
        """Two workers that hold two tasks each: most of what can go wrong needs that, draws seldom get there."""
        for worker in NAMES[:2]:
            self.coordinator.register_worker(worker)
            self.held[worker] = []
            self.heard[worker] = 0.0
            self.queue(first=False, payload=0)
            self.queue(first=False, payload=0)
            self.give(worker)
            self.give(worker)

    @rule(first=st.booleans(), payload=st.integers())
    def queue(self, first: bool, payload: int) -> None:
        self.tasks += 1
        task = Task(str(self.tasks), payload, session=str(payload))
        self.coordinator.queue(task, first=first)
        self.queued.insert(0 if first else len(self.queued), task)

    @precondition(lambda self: len(self.held) < MAXIMUM)
    @rule(data=st.data())
    def register(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([name for name in NAMES if name not in self.held]), label="worker")
        self.coordinator.register_worker(worker)
        self.gone.pop(worker, None)
        self.held[worker] = []
        self.heard[worker] = self.clock.monotonic()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def assign(self, data: st.DataObject) -> None:
        self.give(self.worker_from(data))

    def give(self, worker: str) -> None:
        assignment = self.coordinator.assign(worker)
        if not self.queued:
            assert assignment is None
            return
        assert assignment is not None
        task = self.queued.pop(0)
        assert assignment.task is task
        assert (assignment.worker, assignment.attempt) == (worker, self.losses.get(task.task_id, 0) + 1)
        assert assignment.token not in self.tokens
        self.tokens.add(assignment.token)
        if not self.held[worker]:
            self.heard[worker] = self.clock.monotonic()
        self.held[worker].append(assignment)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), give_back=st.booleans())
    def release(self, data: st.DataObject, give_back: bool) -> None:
        assignment = data.draw(st.sampled_from([one for held in self.held.values() for one in held]), label="of")
        self.held[assignment.worker].remove(assignment)
        self.heard[assignment.worker] = self.clock.monotonic()
        self.void.append(assignment)
        if give_back:
            assert self.coordinator.take_back(assignment)
            self.queued.insert(0, assignment.task)
        else:
            assert self.coordinator.complete(assignment)
            self.done.append(assignment.task.task_id)

    @precondition(lambda self: self.void)
    @rule(data=st.data())
    def hear_of_it_late(self, data: st.DataObject) -> None:
        assignment = data.draw(st.sampled_from(self.void), label="of")
        assert not self.coordinator.complete(assignment)
        assert not self.coordinator.take_back(assignment)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), blame=st.booleans())
    def fail(self, data: st.DataObject, blame: bool) -> None:
        worker = self.worker_from(data)
        expected = self.lose(worker, WorkerStatus.ERROR, blame)
        assert self.coordinator.worker_failed(worker, blame_first=blame) == expected

    @precondition(lambda self: self.held or self.gone)
    @rule(data=st.data())
    def heartbeat(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from(sorted({**self.held, **self.gone})), label="worker")
        self.coordinator.heartbeat(worker)
        self.heard[worker] = self.clock.monotonic()

    @rule(seconds=st.sampled_from([1.0, TIMEOUT / 2, TIMEOUT, TIMEOUT + 0.5]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def check_health(self) -> None:
        now = self.clock.monotonic()
        silent = {worker for worker in self.held if now - self.heard[worker] > TIMEOUT}
        found = self.coordinator.check_worker_health()
        assert set(found) == silent
        for worker in reversed(found):
            self.lose(worker, WorkerStatus.OFFLINE, blame=True)

    @rule(wanted=st.integers(0, MAXIMUM + 2))
    def scale(self, wanted: int) -> None:
        start, leaving = self.coordinator.scale(wanted)
        idle = {worker for worker, held in self.held.items() if not held}
        assert start == max(0, min(wanted, MAXIMUM) - len(self.held))
        assert set(leaving) <= idle
        assert len(set(leaving)) == len(leaving) == min(len(idle), max(0, len(self.held) - wanted))
        for worker in leaving:
            self.coordinator.retire(worker)
            del self.held[worker]
            self.gone[worker] = WorkerStatus.OFFLINE

    @invariant()
    def no_task_is_lost_and_none_is_twice(self) -> None:
        places = [task.task_id for task in self.queued]
        places += [one.task.task_id for held in self.held.values() for one in held]
        places += self.done
        places += [task.task_id for task in self.given_up]
        assert sorted(places, key=int) == [str(number) for number in range(1, self.tasks + 1)]

    @invariant()
    def it_knows_what_the_model_knows(self) -> None:
        statistics = self.coordinator.statistics()
        assert statistics.queued == len(self.queued)
        assert statistics.assigned == sum(map(len, self.held.values()))
        assert statistics.completed == len(self.done)
        assert list(self.coordinator.given_up) == self.given_up
        assert statistics.given_up == len(self.given_up)
        for worker, held in self.held.items():
            assert list(self.coordinator.holdings(worker)) == held
            assert statistics.workers[worker].status is (WorkerStatus.BUSY if held else WorkerStatus.IDLE)
        for worker, status in self.gone.items():
            assert self.coordinator.holdings(worker) == ()
            assert statistics.workers[worker].status is status
        assert all(0 <= worker.utilisation <= 1 for worker in statistics.workers.values())
        assert sum(worker.status in LIVE for worker in statistics.workers.values()) <= MAXIMUM

    def teardown(self) -> None:
        """What is left in the queue comes out in the model's order."""
        for worker in list(self.held)[1:]:
            self.fail_quietly(worker)
        if not self.held:
            self.coordinator.register_worker("last")
            self.held["last"] = []
        (worker,) = self.held
        for task in self.queued:
            assignment = self.coordinator.assign(worker)
            assert assignment is not None
            assert assignment.task is task
        assert self.coordinator.assign(worker) is None

    def fail_quietly(self, worker: str) -> None:
        self.coordinator.worker_failed(worker, blame_first=False)
        self.lose(worker, WorkerStatus.ERROR, blame=False)


TestCoordination = Coordination.TestCase
TestCoordination.settings = settings(max_examples=60, stateful_step_count=40)
