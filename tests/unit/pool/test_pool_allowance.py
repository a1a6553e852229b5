"""What the pool learns of a place's limit: against places that are simulated, in time that does not pass."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

import pytest

from isolane.model.clock import FakeClock
from isolane.pool import AIMDThrottle, CapacityError, MemoryAudit, PoolConfig, RowContext, TransformResult
from isolane.pool.allowance import Allowance
from isolane.pool.batch import Batch, Task
from isolane.pool.calls import CallDesk
from isolane.pool.reorder import ReorderBuffer
from isolane.pool.scheduler import Scheduler

Place = Callable[[float, Task], "CapacityError | None"]
NEVER = float("inf")


class Limited:
    """Takes so many calls in any second. limits: (from when on, how many). tells: whether it says when to come back."""

    def __init__(self, *limits: tuple[float, int], tells: bool) -> None:
        self.limits = limits
        self.tells = tells
        self.taken: deque[float] = deque()

    def __call__(self, now: float, _: Task) -> CapacityError | None:
        limit = [many for since, many in self.limits if since <= now][-1]
        while self.taken and self.taken[0] <= now - 1:
            self.taken.popleft()
        if len(self.taken) < limit:
            self.taken.append(now)
            return None
        return CapacityError(429, retry_after=self.taken[-limit] + 1 - now if self.tells else None)


def simulated(place: Place, *, size: int, seconds: float = NEVER, rows: int = 1_000_000) -> tuple[int, int, float]:
    """Send rows to a place, each call a few milliseconds; return how many were taken, refused, and after what time."""
    draw = random.Random(size)
    config = PoolConfig(pool_size=size)
    throttle = AIMDThrottle(config)
    scheduler = Scheduler(config, throttle, stops_unaudited=True)
    desk = CallDesk(throttle, MemoryAudit(), (), stops=True)
    batch = Batch(lambda *_: None, ReorderBuffer(FakeClock()), lambda: None)
    calls: list[tuple[float, int, Task, float, CapacityError | None]] = []
    numbers = count()
    now, told = 0.0, [0, 0]
    while True:
        more = min(rows, 2 * size - scheduler.pending_count)
        scheduler.add(batch, [RowContext(None, f"row-{next(numbers)}", 0) for _ in range(more)], now)
        rows -= more
        while isinstance(step := scheduler.take(now), Task):
            arrives = now + 0.001 * draw.uniform(1, 2)
            heappush(calls, (2 * arrives - now, next(numbers), step, now, place(arrives, step)))
        then = min(now + step if step is not None else NEVER, calls[0][0] if calls else NEVER)
        if then > seconds or then == NEVER:
            return told[0], told[1], now
        now = then
        if calls and calls[0][0] <= now:
            _, _, task, began, refused = heappop(calls)
            told[refused is not None] += 1
            returned = TransformResult.success(None) if refused is None else None
            scheduler.finish(task, desk.end(task, returned, refused, 0.0, began, now), now)


def test_a_limit_is_learned_from_a_place_that_says_when() -> None:
    taken, refused, _ = simulated(Limited((0, 50), tells=True), size=10, seconds=8)

    assert taken == 400
    assert refused <= 20  # Ten are under way when it says so first; it is tried now and then whether there is more.


def test_a_limit_is_learned_from_a_place_that_does_not_say_when() -> None:
    taken, refused, _ = simulated(Limited((0, 50), tells=False), size=10, seconds=8)

    assert taken >= 390
    assert refused <= 40


@pytest.mark.parametrize("tells", [True, False])
def test_a_limit_that_has_changed_is_learned_anew(tells: bool) -> None:
    taken, _, _ = simulated(Limited((0, 50), (4, 200), tells=tells), size=10, seconds=16)
    assert taken > 1.5 * 16 * 50

    taken, refused, _ = simulated(Limited((0, 50), (4, 20), tells=tells), size=10, seconds=16)
    assert taken >= 0.8 * (4 * 50 + 12 * 20)
    assert refused < taken / 4


@pytest.mark.parametrize("size", [1, 2, 10, 30])
def test_rows_that_are_refused_for_their_own_sake_say_nothing_of_the_place(size: int) -> None:
    """Half of them once: the pool is as fast as one that learns nothing, measured before there was this."""
    draw = random.Random(7)

    def place(_: float, task: Task) -> CapacityError | None:
        return CapacityError(503) if not task.attempt and draw.random() < 0.5 else None

    taken, refused, seconds = simulated(place, size=size, rows=500)

    assert (taken, refused > 200) == (500, True)
    assert seconds < {1: 20, 2: 8, 10: 2, 30: 1}[size]


def test_a_pool_that_was_not_busy_has_learned_nothing() -> None:
    busy, idle = (Allowance(permits=1, step=0.05) for _ in range(2))
    for number in range(40):
        busy.taken(number / 10)
        idle.taken(number / 10)
        idle.rest()
    for allowance in (busy, idle):
        allowance.refused(4.0, 4.0, retry_after=2)
        allowance.taken(6.0)

    assert busy.opens_at(0) == pytest.approx(6.1)  # Forty in the six seconds since the first.
    assert idle.opens_at(0) < 6.0


def test_a_refusal_well_before_the_limit_refutes_it() -> None:
    allowance = Allowance(permits=1, step=0.05)
    for number in range(40):
        allowance.taken(number / 10)
    allowance.refused(4.0, 4.0, retry_after=2)
    allowance.taken(6.0)
    assert allowance.opens_at(0) > 6.0

    allowance.refused(9.0, 9.0, retry_after=0)

    assert allowance.opens_at(0) < 6.0
