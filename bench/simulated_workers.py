"""Workers that run tests in simulated time: isolane's, given units by its own rules, and xdist's, by xdist's own code.

Nothing is sent anywhere and nothing takes time but the tests: what is left is how good the order is.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from xdist import scheduler
from xdist.remote import Producer

from isolane.planning.dispatch import even_share, may_wait_ahead, richest
from isolane.planning.units import Unit


def forked_makespan(units: Sequence[Unit], seconds: Sequence[float], count: int) -> float:
    """Return when the last worker has ended.

    units: in the order of dispatch. seconds: how long each test takes. A worker has a unit and, where it
    may, one ahead; who has neither takes from the queue, else what another has ahead, the longest first
    (``engines/fork/dispatcher.py``).
    """
    queue = deque(units)
    workers = range(min(count, len(units)))
    share = even_share(units, count)
    first = [queue.popleft() for _ in workers]
    ahead: dict[int, Unit] = {}
    ends: list[tuple[float, int]] = []

    def begin(worker: int, unit: Unit, now: float) -> None:
        heapq.heappush(ends, (now + _length(unit, seconds), worker))
        if queue and may_wait_ahead(queue[0], unit, share):
            ahead[worker] = queue.popleft()

    for worker in workers:
        begin(worker, first[worker], 0.0)
    now = 0.0
    while ends:
        now, worker = heapq.heappop(ends)
        unit = ahead.pop(worker, None)
        if unit is None and queue:
            unit = queue.popleft()
        if unit is None and ahead:
            unit = ahead.pop(int(richest({str(other): waiting for other, waiting in ahead.items()})[0]))
        if unit is not None:
            begin(worker, unit, now)
    return now


def _length(unit: Unit, seconds: Sequence[float]) -> float:
    return sum(seconds[test] for test in unit.tests)


class XdistWorker:
    """What a scheduler of xdist's sees of a worker, and its own loop: a test starts when the next is known."""

    def __init__(self, name: str, simulation: XdistSimulation) -> None:
        self.gateway = SimpleNamespace(id=name)
        self.shutting_down = False
        self._simulation = simulation
        self._to_run: deque[int] = deque()
        self._held: int | None = None
        self._running = False

    # -- what schedulers call

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        """Queue tests."""
        self._to_run.extend(indices)
        self._simulation.soon(self._wake)

    def send_steal(self, indices: Sequence[int]) -> None:
        """Give back those that are still queued."""
        asked = set(indices)
        stolen = [index for index in self._to_run if index in asked]
        self._to_run = deque(index for index in self._to_run if index not in asked)
        self._simulation.soon(lambda: self._simulation.scheduler.remove_pending_tests_from_node(self, stolen))

    def shutdown(self) -> None:
        """Run what is queued, and end."""
        self.shutting_down = True
        self._simulation.soon(self._wake)

    # -- the worker

    def _wake(self) -> None:
        if self._running:
            return
        if self._held is None and self._to_run:
            self._held = self._to_run.popleft()
        if self._held is None or not (self._to_run or self.shutting_down):
            return
        test, self._held = self._held, self._to_run.popleft() if self._to_run else None
        self._running = True
        duration = self._simulation.seconds[test]
        self._simulation.at(duration, lambda: self._ended(test, duration))

    def _ended(self, test: int, duration: float) -> None:
        self._running = False
        self._simulation.scheduler.mark_test_complete(self, test, duration)
        self._simulation.soon(self._wake)


class XdistSimulation:
    """One of xdist's schedulers, as it is installed here, with workers in simulated time."""

    def __init__(self, dist: str, node_ids: Sequence[str], seconds: Sequence[float], count: int) -> None:
        self.seconds = seconds
        self._node_ids = node_ids
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = iter(range(1 << 60))
        self._now = 0.0
        self._last = 0.0
        config = SimpleNamespace(
            getvalue=lambda _: [f"{count}*popen"],
            getoption=lambda _: None,
            option=SimpleNamespace(loadscopereorder=True),
            hook=None,
        )
        self.scheduler: Any = _scheduler_class(dist)(config, Producer("simulation", enabled=False))
        self._workers = [XdistWorker(f"gw{number}", self) for number in range(count)]

    def soon(self, action: Callable[[], None]) -> None:
        """Do something next."""
        self.at(0.0, action)

    def at(self, delay: float, action: Callable[[], None]) -> None:
        """Do something so many seconds later."""
        heapq.heappush(self._events, (self._now + delay, next(self._numbers), action))

    def makespan(self) -> float:
        """Return when the last test has ended. Raises AssertionError where a test was not run."""
        ran = 0
        for worker in self._workers:
            self.scheduler.add_node(worker)
        for worker in self._workers:
            self.scheduler.add_node_collection(worker, self._node_ids)
        registered = getattr(self.scheduler, "registered_collections", {})
        registered.update(dict.fromkeys(registered, _Indexed(self._node_ids)))
        complete = self.scheduler.mark_test_complete

        def counted(*arguments: Any) -> None:
            nonlocal ran
            ran += 1
            self._last = self._now
            complete(*arguments)

        self.scheduler.mark_test_complete = counted
        self.scheduler.schedule()
        while self._events:
            self._now, _, action = heapq.heappop(self._events)
            action()
        assert ran == len(self._node_ids), f"{ran} of {len(self._node_ids)} tests ran"
        return self._last


class _Indexed(list[str]):
    """A list in which xdist's loadscope finds a test at once: it asks for each one's position."""

    def __init__(self, node_ids: Sequence[str]) -> None:
        super().__init__(node_ids)
        self._positions = {node_id: position for position, node_id in enumerate(node_ids)}

    def index(self, node_id: str, *_: Any) -> int:
        """Return the position."""
        return self._positions[node_id]


def _scheduler_class(dist: str) -> Any:
    return {
        "load": scheduler.LoadScheduling,
        "loadscope": scheduler.LoadScopeScheduling,
        "loadfile": scheduler.LoadFileScheduling,
        "worksteal": scheduler.WorkStealingScheduling,
    }[dist]
