"""Who gets which unit, and when: one runs, a short one waits ahead, and who has nothing takes from the richest.

Where tests have needs, a unit is given only to a worker that may run it beside what all the others run now or next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from isolane.coordination.workers import Task, WorkerCoordinator
from isolane.engines.fork.known_worker import Share, Worker
from isolane.engines.fork.lane import FINISH, ONE_TEST, PAUSE, Board, Order
from isolane.model.clock import Clock
from isolane.planning.dispatch import even_share, may_wait_ahead, richest
from isolane.planning.needs import NOTHING, may_run_beside, needs_together
from isolane.planning.units import Unit

_MOST_CRASHES = 5
"""How many crashes of one unit are suffered before the rest of its tests is given up."""


class Dispatcher:
    """Hands out units over the workers' lanes.

    units: in the order in which they are handed out. workers: those there are, by name; the controller's own, which
    changes as they come and go.
    """

    def __init__(
        self, units: Sequence[Unit], count: int, board: Board, workers: Mapping[str, Worker], clock: Clock
    ) -> None:
        self.coordinator: WorkerCoordinator[Share] = WorkerCoordinator(
            clock, maximum=count, most_attempts=_MOST_CRASHES
        )
        self.have_needs = any(unit.needs != NOTHING for unit in units)
        self._units = units
        self._count = count
        self._share = even_share(units, count)
        self._board = board
        self._workers = workers
        for number, unit in enumerate(units):
            self.coordinator.queue(Task(str(number), Share(number, unit.tests)))

    @property
    def queued(self) -> int:
        """Return how many units nobody has."""
        return self.coordinator.statistics().queued

    def stop(self) -> None:
        """Take back what has not begun; who waits may go."""
        for worker in self._workers.values():
            if (self.take_back(worker) or self.have_needs) and worker.waiting:
                self.work_wanted(worker)

    def run_again(self, test: int) -> None:
        """Queue one test once more, before all others."""
        self.coordinator.queue(Task(f"again-{test}", Share(ONE_TEST, (test,))), first=True)

    def give_next(self, worker: Worker) -> bool:
        """Give the worker a unit, where there is one and tests may still start."""
        if self._board.stopped:
            return False
        assignment = self.coordinator.assign(worker.name, self._fits(worker))
        if assignment is None:
            return False
        worker.ahead = assignment
        worker.lane.give(assignment.task.payload.order(assignment.token))
        return True

    def unit_begun(self, worker: Worker) -> None:
        """A worker has begun a unit: the next may wait for it, so that it need not ask."""
        following = self.coordinator.front(self._fits(worker))
        if following is None or worker.current is None:
            return
        current = self._unit_of(worker.current.task.payload)
        if may_wait_ahead(self._unit_of(following.payload), current, self._share):
            self.give_next(worker)

    def work_wanted(self, worker: Worker) -> None:
        """A worker waits for more: from the queue, else from the worker that has most waiting, else it may go.

        Where all that is queued needs what others have, it waits on: torn down, so that it does not keep what it has.
        """
        worker.waiting = True
        if worker.ahead is not None or worker.finishing:
            return  # what it asks for is on its way
        if not self._board.stopped and not self.give_next(worker):
            self._steal_for(worker)
        if worker.ahead is not None:
            return
        if self.have_needs and not self._board.stopped and self.queued:
            if worker.current is not None:
                worker.lane.give(Order(0, PAUSE, 0))
            return
        worker.finishing = True
        worker.lane.give(Order(0, FINISH, 0))

    def offer(self) -> None:
        """See whether those that wait can have something, now that somebody has done with a unit."""
        if not self.have_needs:
            return
        for worker in list(self._workers.values()):
            if worker.waiting and worker.current is None and worker.said_goodbye_at is None:
                self.work_wanted(worker)

    def take_back(self, worker: Worker) -> bool:
        """Take back what waits for the worker; False where it has taken it itself."""
        if worker.ahead is None or worker.lane.take_back() is None:
            return False
        self.coordinator.take_back(worker.ahead)
        worker.ahead = None
        return True

    def take_all_back(self, worker: Worker) -> None:
        """Take back what a worker has not run that has left as it should."""
        if worker.ahead is not None and not self.take_back(worker):  # it had taken a unit, and could not begin it
            self.coordinator.take_back(worker.ahead)
            worker.ahead = None
        if worker.current is not None:  # it was stopped in the midst of a unit
            worker.current.task.payload.closely_until = 0  # if somebody was looked for, it has been found
            self.coordinator.take_back(worker.current)
        for one in reversed(worker.rewound):
            self.coordinator.take_back(one.assignment)

    def _steal_for(self, worker: Worker) -> None:
        # What lies before a worker that waits is as good as taken: it would not ask for it again. A worker that is
        # just coming up keeps its first unit: where there is work for all, all have some, however short the tests.
        waiting = {
            other.name: self._unit_of(other.ahead.task.payload)
            for other in self._workers.values()
            if other.ahead is not None and other.has_begun and not other.waiting
        }
        for name in richest(waiting):
            if self.take_back(self._workers[name]) and self.give_next(worker):
                return

    def _fits(self, worker: Worker) -> Callable[[Task[Share]], bool] | None:
        """Return what says whether a unit may run in this worker, whatever the others run now or next."""
        if not self.have_needs:
            return None
        others = []
        for other in self._workers.values():
            taken = [one for one in (other.current, other.ahead) if one is not None]
            if taken and other is not worker:
                others.append(needs_together(self._unit_of(one.task.payload).needs for one in taken))
        return lambda task: may_run_beside(self._unit_of(task.payload).needs, others, workers=self._count)

    def _unit_of(self, share: Share) -> Unit:
        if share.number != ONE_TEST:
            return self._units[share.number]
        needs = next((unit.needs for unit in self._units if share.tests[0] in unit.tests), NOTHING)
        return Unit("", tuple(share.tests), needs=needs)
