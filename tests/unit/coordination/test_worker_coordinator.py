"""Who runs what: a queue, workers that come, fail, fall silent and return, on a clock that stands still."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import pytest

from isolane.coordination.workers import Assignment, Task, WorkerCoordinator, WorkerStatus
from isolane.model.clock import FakeClock

Coordinator = WorkerCoordinator[str]
TIMEOUT = 30.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(start=1_000_000.0)


def coordinator_of(clock: FakeClock, *workers: str, tasks: int = 0, most_attempts: int = 5) -> Coordinator:
    """Return a coordinator with these workers, and tasks ``t1``, ``t2`` … in its queue."""
    coordinator = Coordinator(clock, maximum=max(3, len(workers)), most_attempts=most_attempts)
    for worker in workers:
        coordinator.register_worker(worker)
    for number in range(1, tasks + 1):
        coordinator.queue(task(number))
    return coordinator


def task(number: int) -> Task[str]:
    return Task(f"t{number}", payload=f"payload {number}", session=f"session {number % 2}")


def given(coordinator: Coordinator, worker: str) -> Assignment[str]:
    assignment = coordinator.assign(worker)
    assert assignment is not None
    return assignment


def held(coordinator: Coordinator, worker: str) -> list[str]:
    return [assignment.task.task_id for assignment in coordinator.holdings(worker)]


def waiting(coordinator: Coordinator, worker: str) -> list[str]:
    """Empty the queue into a worker and return what came, in order."""
    before = len(held(coordinator, worker))
    while coordinator.assign(worker) is not None:
        pass
    return held(coordinator, worker)[before:]


def status(coordinator: Coordinator, worker: str) -> WorkerStatus:
    return coordinator.statistics().workers[worker].status


# -- tasks on workers that really run at the same time


class Execution:
    """Runs every task of a queue in a thread of its worker; the coordinator itself stays in the test's one loop."""

    def __init__(self, clock: FakeClock, *, tasks: int, workers: int, together: int) -> None:
        """``together``: how many tasks wait for one another before the first of them may end."""
        self.names = [f"gw{number}" for number in range(workers)]
        self.coordinator = coordinator_of(clock, *self.names, tasks=tasks)
        self._meet = threading.Barrier(together, timeout=20)
        self._first = {f"t{number}" for number in range(1, together + 1)}
        self.results: list[str] = []
        self.most_assigned = 0

    def _work(self, assignment: Assignment[str]) -> str:
        if assignment.task.task_id in self._first:
            self._meet.wait()
        return assignment.task.payload

    def run(self) -> None:
        running: dict[Future[str], Assignment[str]] = {}
        with ThreadPoolExecutor(len(self.names)) as pool:
            idle = list(self.names)
            while True:
                for name in idle:
                    assignment = self.coordinator.assign(name)
                    if assignment is not None:
                        running[pool.submit(self._work, assignment)] = assignment
                self.most_assigned = max(self.most_assigned, self.coordinator.statistics().assigned)
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                idle = []
                for future in done:
                    assignment = running.pop(future)
                    self.results.append(future.result())
                    assert self.coordinator.complete(assignment)
                    idle.append(assignment.worker)


@pytest.mark.parametrize(
    ("tasks", "workers"),
    [
        pytest.param(4, 4, marks=pytest.mark.req("S1.1")),
        pytest.param(8, 3, marks=pytest.mark.req("S1.2")),
        pytest.param(20, 5, marks=pytest.mark.req("X1")),
    ],
)
def test_all_tasks_are_done_once_with_every_worker_at_work(clock: FakeClock, tasks: int, workers: int) -> None:
    """As many tasks as there are workers wait for one another: they end only if they really run at the same time."""
    execution = Execution(clock, tasks=tasks, workers=workers, together=workers)

    execution.run()

    statistics = execution.coordinator.statistics()
    assert sorted(execution.results) == sorted(f"payload {number}" for number in range(1, tasks + 1))
    assert execution.most_assigned == workers
    assert (statistics.completed, statistics.queued, statistics.assigned) == (tasks, 0, 0)
    assert sum(worker.completed for worker in statistics.workers.values()) == tasks
    assert all(worker.completed for worker in statistics.workers.values())
    assert {worker.status for worker in statistics.workers.values()} == {WorkerStatus.IDLE}


# -- queue and holdings


@pytest.mark.req("S1.2")
def test_tasks_are_given_in_the_order_of_the_queue(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=3)
    coordinator.queue(Task("urgent", ""), first=True)

    order = [given(coordinator, worker).task.task_id for worker in ("gw0", "gw1", "gw1", "gw0")]

    assert order == ["urgent", "t1", "t2", "t3"]
    assert coordinator.assign("gw0") is None


def test_what_would_be_given_can_be_seen_before_and_what_does_not_fit_is_passed_over(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=2)

    def second(task: Task[str]) -> bool:
        return task.task_id == "t2"

    assert [task and task.task_id for task in (coordinator.front(), coordinator.front(second))] == ["t1", "t2"]
    assignment = coordinator.assign("gw0", second)
    assert assignment is not None
    assert assignment.task.task_id == "t2"
    assert coordinator.front(second) is None
    assert coordinator.assign("gw0", second) is None
    assert given(coordinator, "gw0").task.task_id == "t1"
    assert coordinator.front() is None


def test_a_worker_runs_the_first_of_what_it_holds_and_the_rest_waits_ahead(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=2)
    first, second = given(coordinator, "gw0"), given(coordinator, "gw0")
    assert coordinator.holdings("gw0") == (first, second)

    coordinator.complete(first)

    assert coordinator.holdings("gw0") == (second,)
    assert status(coordinator, "gw0") is WorkerStatus.BUSY


def test_what_waits_ahead_may_be_done_out_of_turn(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=3)
    first, second, third = (given(coordinator, "gw0") for _ in range(3))

    assert coordinator.complete(second)

    assert coordinator.holdings("gw0") == (first, third)


def test_what_was_taken_back_is_next_and_its_attempt_does_not_count(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=3)
    _, ahead = given(coordinator, "gw0"), given(coordinator, "gw0")

    assert coordinator.take_back(ahead)

    assert held(coordinator, "gw0") == ["t1"]
    stolen = given(coordinator, "gw1")
    assert (stolen.task, stolen.attempt) == (ahead.task, 1)
    assert stolen.token != ahead.token


def test_several_taken_back_from_the_last_to_the_first_leave_the_queue_as_it_was(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=5)
    assignments = [given(coordinator, "gw0") for _ in range(4)]

    for assignment in reversed(assignments[1:]):
        coordinator.take_back(assignment)

    assert waiting(coordinator, "gw1") == ["t2", "t3", "t4", "t5"]


def test_a_worker_that_gives_back_all_it_holds_is_idle(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=1)

    coordinator.take_back(given(coordinator, "gw0"))

    assert status(coordinator, "gw0") is WorkerStatus.IDLE


def test_a_task_that_is_not_done_cannot_be_queued_again_one_that_is_can(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=1)
    with pytest.raises(ValueError, match="'t1' is queued or assigned already"):
        coordinator.queue(task(1))
    assignment = given(coordinator, "gw0")
    with pytest.raises(ValueError, match="'t1' is queued or assigned already"):
        coordinator.queue(task(1))

    coordinator.complete(assignment)
    coordinator.queue(task(1))

    assert waiting(coordinator, "gw0") == ["t1"]


# -- a worker dies


@pytest.mark.req("S3.1")
@pytest.mark.req("L3")
def test_the_task_of_a_dead_worker_is_finished_elsewhere_whole(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=2)
    lost, _ = given(coordinator, "gw0"), given(coordinator, "gw1")

    requeued, given_up = coordinator.worker_failed("gw0")

    assert (requeued, given_up) == ([task(1)], [])
    assert status(coordinator, "gw0") is WorkerStatus.ERROR
    again = given(coordinator, "gw1")
    assert (again.task.payload, again.task.session, again.attempt) == ("payload 1", "session 1", 2)
    for assignment in coordinator.holdings("gw1"):
        assert coordinator.complete(assignment)
    statistics = coordinator.statistics()
    assert (statistics.completed, statistics.requeued, statistics.failed_workers) == (2, 1, 1)
    assert (statistics.workers["gw0"].completed, statistics.workers["gw1"].completed) == (0, 2)
    assert lost.token != again.token


@pytest.mark.req("S3.1")
def test_what_a_dead_worker_held_is_next_in_its_order_and_only_what_ran_counts_an_attempt(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=4)
    for _ in range(3):
        coordinator.assign("gw0")

    requeued, _ = coordinator.worker_failed("gw0")

    assert requeued == [task(1), task(2), task(3)]
    assert waiting(coordinator, "gw1") == ["t1", "t2", "t3", "t4"]
    assert [assignment.attempt for assignment in coordinator.holdings("gw1")] == [2, 1, 1, 1]


def test_no_attempt_counts_where_the_task_is_not_to_blame(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=1, most_attempts=1)
    coordinator.assign("gw0")

    requeued, given_up = coordinator.worker_failed("gw0", blame_first=False)

    assert (requeued, given_up) == ([task(1)], [])
    assert given(coordinator, "gw1").attempt == 1


def test_a_task_that_took_down_five_workers_is_given_up_and_those_behind_it_go_on(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, tasks=2)
    attempts = []
    for number in range(5):
        coordinator.register_worker(f"gw{number}")
        attempts.append(given(coordinator, f"gw{number}").attempt)
        coordinator.assign(f"gw{number}")
        last = coordinator.worker_failed(f"gw{number}")

    assert attempts == [1, 2, 3, 4, 5]
    assert last == ([task(2)], [task(1)])
    assert coordinator.given_up == (task(1),)
    statistics = coordinator.statistics()
    assert (statistics.given_up, statistics.queued, statistics.failed_workers) == (1, 1, 5)
    coordinator.register_worker("gw5")
    assert given(coordinator, "gw5").attempt == 1


def test_attempts_are_forgotten_with_the_task(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=1, most_attempts=2)
    coordinator.assign("gw0")
    coordinator.worker_failed("gw0")
    coordinator.complete(given(coordinator, "gw1"))

    coordinator.queue(task(1))

    assert given(coordinator, "gw1").attempt == 1


def test_an_idle_worker_may_fail_too_and_failing_twice_changes_nothing(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=1)

    assert coordinator.worker_failed("gw0") == ([], [])
    assert coordinator.worker_failed("gw0") == ([], [])

    assert coordinator.statistics().failed_workers == 1


@pytest.mark.req("S3.1")
@pytest.mark.req("F1")
def test_a_late_result_of_a_worker_that_was_given_up_does_not_count(clock: FakeClock) -> None:
    """Also when the worker is back under its name, and has been given the very same task again."""
    coordinator = coordinator_of(clock, "gw0", tasks=1)
    late = given(coordinator, "gw0")
    clock.advance(TIMEOUT + 1)
    coordinator.check_worker_health()
    coordinator.register_worker("gw0")
    again = given(coordinator, "gw0")
    assert again.task is late.task
    before = coordinator.statistics()

    assert coordinator.complete(late) is False
    assert coordinator.take_back(late) is False

    after = coordinator.statistics()
    assert coordinator.holdings("gw0") == (again,)
    assert (after.completed, after.queued, after.assigned) == (before.completed, before.queued, before.assigned)
    assert (before.late, after.late) == (0, 1)
    assert coordinator.complete(again) is True
    assert coordinator.complete(again) is False
    assert coordinator.statistics().completed == 1


# -- a worker falls silent


@pytest.mark.req("S3.3")
def test_a_worker_is_offline_after_the_timeout_not_at_it(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "silent", "healthy", tasks=1)
    coordinator.assign("silent")
    clock.advance(TIMEOUT)
    assert coordinator.check_worker_health() == []
    coordinator.heartbeat("healthy")
    clock.advance(0.001)

    assert coordinator.check_worker_health() == ["silent"]

    assert (status(coordinator, "silent"), status(coordinator, "healthy")) == (WorkerStatus.OFFLINE, WorkerStatus.IDLE)
    assert waiting(coordinator, "healthy") == ["t1"]
    assert coordinator.check_worker_health() == []


@pytest.mark.req("S3.3")
def test_the_timeout_is_a_choice(clock: FakeClock) -> None:
    coordinator = Coordinator(clock, maximum=1, heartbeat_timeout=0.5)
    coordinator.register_worker("gw0")
    clock.advance(0.75)

    assert coordinator.check_worker_health() == ["gw0"]


@pytest.mark.req("S3.3")
def test_an_offline_worker_that_speaks_again_stays_offline_until_it_registers(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=1)
    clock.advance(TIMEOUT + 1)
    coordinator.check_worker_health()

    coordinator.heartbeat("gw0")

    assert status(coordinator, "gw0") is WorkerStatus.OFFLINE
    with pytest.raises(ValueError, match="'gw0' is offline: it must register anew"):
        coordinator.assign("gw0")
    coordinator.register_worker("gw0")
    assert waiting(coordinator, "gw0") == ["t1"]
    assert coordinator.check_worker_health() == []


def test_a_result_is_a_sign_of_life(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=2)
    first, _ = given(coordinator, "gw0"), given(coordinator, "gw0")
    clock.advance(TIMEOUT)
    coordinator.complete(first)
    clock.advance(TIMEOUT)

    assert coordinator.check_worker_health() == []


def test_a_worker_that_had_nothing_to_say_is_waited_for_from_when_it_has_work(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=2)
    clock.advance(TIMEOUT - 1)
    coordinator.assign("gw0")
    clock.advance(TIMEOUT)
    assert coordinator.check_worker_health() == []

    coordinator.assign("gw0")  # more work is no sign of life
    clock.advance(1)

    assert coordinator.check_worker_health() == ["gw0"]


@pytest.mark.req("S3.3")
def test_tasks_of_several_silent_workers_are_next_in_the_order_of_the_workers(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=5)
    for worker in ("gw0", "gw1", "gw0", "gw1"):
        coordinator.assign(worker)
    clock.advance(TIMEOUT + 1)

    assert coordinator.check_worker_health() == ["gw0", "gw1"]

    coordinator.register_worker("gw2")
    assert waiting(coordinator, "gw2") == ["t1", "t3", "t2", "t4", "t5"]


def test_a_task_that_silences_every_worker_is_given_up(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=1, most_attempts=2)
    for worker in ("gw0", "gw1"):
        coordinator.heartbeat(worker)
        coordinator.assign(worker)
        clock.advance(TIMEOUT + 1)
        for other in {"gw0", "gw1"} - {worker}:
            coordinator.heartbeat(other)
        assert coordinator.check_worker_health() == [worker]

    assert coordinator.given_up == (task(1),)
    assert coordinator.statistics().queued == 0


# -- more workers, and fewer


@pytest.mark.req("S3.2")
def test_scaling_up_goes_to_the_maximum_and_no_further(clock: FakeClock) -> None:
    coordinator = Coordinator(clock, maximum=4)
    coordinator.register_worker("gw0")

    assert coordinator.scale(3) == (2, [])
    assert coordinator.scale(10) == (3, [])
    for number in range(1, 4):
        coordinator.register_worker(f"gw{number}")
    assert coordinator.scale(10) == (0, [])
    with pytest.raises(ValueError, match="one more than the maximum of 4"):
        coordinator.register_worker("gw4")


@pytest.mark.req("S3.2")
def test_scaling_down_lets_only_idle_workers_leave_the_newest_first(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", "gw2", "gw3", tasks=2)
    coordinator.assign("gw1")
    coordinator.assign("gw3")

    assert coordinator.scale(3) == (0, ["gw2"])
    start, leaving = coordinator.scale(0)
    assert (start, leaving) == (0, ["gw2", "gw0"])
    for worker in leaving:
        coordinator.retire(worker)

    assert coordinator.scale(2) == (0, [])
    assert status(coordinator, "gw0") is WorkerStatus.OFFLINE
    statistics = coordinator.statistics()
    assert (statistics.failed_workers, statistics.assigned) == (0, 2)


@pytest.mark.req("S3.2")
def test_a_worker_that_failed_makes_room_for_another(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", "gw2")
    coordinator.worker_failed("gw1")

    assert coordinator.scale(3) == (1, [])
    coordinator.register_worker("gw3")


@pytest.mark.req("S3.2")
def test_a_busy_worker_does_not_retire(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=1)
    assignment = given(coordinator, "gw0")
    with pytest.raises(ValueError, match="'gw0' is busy"):
        coordinator.retire("gw0")

    coordinator.complete(assignment)
    coordinator.retire("gw0")

    with pytest.raises(ValueError, match="'gw0' is offline"):
        coordinator.retire("gw0")


def test_mistakes_of_an_engine_are_told(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0")

    with pytest.raises(ValueError, match="'gw0' is registered already"):
        coordinator.register_worker("gw0")
    for call in (coordinator.assign, coordinator.heartbeat, coordinator.worker_failed, coordinator.holdings):
        with pytest.raises(ValueError, match="'gw9' was never registered"):
            call("gw9")
    with pytest.raises(ValueError, match="-1 workers cannot be"):
        coordinator.scale(-1)
    for wrong in ({"maximum": 0}, {"maximum": 1, "most_attempts": 0}, {"maximum": 1, "heartbeat_timeout": 0.0}):
        with pytest.raises(ValueError, match="over 0"):
            Coordinator(clock, **wrong)


# -- figures


@pytest.mark.req("S3.1")
def test_utilisation_is_the_share_of_its_life_in_which_a_worker_held_a_task(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", "gw1", tasks=3)
    clock.advance(2)
    first, second = given(coordinator, "gw0"), given(coordinator, "gw0")
    clock.advance(3)
    coordinator.complete(first)
    clock.advance(1)
    coordinator.complete(second)
    clock.advance(2)
    coordinator.assign("gw1")
    clock.advance(2)

    workers = coordinator.statistics().workers

    assert list(workers) == ["gw0", "gw1"]
    assert (workers["gw0"].busy_seconds, workers["gw0"].utilisation) == (4.0, 0.4)
    assert (workers["gw1"].busy_seconds, workers["gw1"].utilisation) == (2.0, 0.2)


def test_a_worker_that_came_back_is_one_worker_and_its_absence_does_not_count(clock: FakeClock) -> None:
    coordinator = coordinator_of(clock, "gw0", tasks=2)
    coordinator.assign("gw0")
    clock.advance(4)
    coordinator.worker_failed("gw0")
    clock.advance(100)
    assert coordinator.statistics().workers["gw0"].utilisation == 1.0
    coordinator.register_worker("gw0")
    coordinator.complete(given(coordinator, "gw0"))
    clock.advance(4)

    worker = coordinator.statistics().workers["gw0"]

    assert (worker.completed, worker.busy_seconds, worker.utilisation) == (1, 4.0, 0.5)
    assert worker.status is WorkerStatus.IDLE


def test_no_time_is_no_utilisation(clock: FakeClock) -> None:
    assert coordinator_of(clock, "gw0").statistics().workers["gw0"].utilisation == 0.0
