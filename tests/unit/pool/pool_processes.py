"""What the tests of the pool have in common: rows, functions that do as they are told, and time that stands still."""

from __future__ import annotations

import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from isolane.model.clock import FakeClock
from isolane.pool import AuditRecord, CapacityError, MemoryAudit, PooledExecutor, RowContext, TransformResult

Process = Callable[[Any, str], TransformResult]
GUARD = 20.0
"""Seconds after which a test that waits has failed; nothing takes so long."""


def rows(count: int, name: str = "row") -> list[RowContext]:
    return [RowContext({"n": number, "of": name}, f"{name}-{number}", number) for number in range(count)]


def double(row: Any, state_id: str) -> TransformResult:
    return TransformResult.success({"n": row["n"] * 2, "of": row["of"]})


def doubled(count: int, name: str = "row") -> list[dict[str, Any]]:
    return [{"n": number * 2, "of": name} for number in range(count)]


def tracked(behave: Callable[[int, int], TransformResult | None]) -> tuple[Process, list[tuple[int, int]]]:
    """Return a function that does what ``behave`` does for (row, attempt), or doubles, and the log of these pairs."""
    log: list[tuple[int, int]] = []
    attempts: Counter[str] = Counter()
    lock = threading.Lock()

    def process(row: Any, state_id: str) -> TransformResult:
        with lock:
            attempt = attempts[state_id]
            attempts[state_id] += 1
            log.append((row["n"], attempt))
        return behave(row["n"], attempt) or double(row, state_id)

    return process, log


def failing(times: Mapping[int, int] | Callable[[int], int]) -> tuple[Process, list[tuple[int, int]]]:
    """Return a function that is told 'not now' so many times for a row, and its log."""
    wanted = times if callable(times) else lambda number: times.get(number, 0)

    def behave(number: int, attempt: int) -> None:
        if attempt < wanted(number):
            raise CapacityError(429, "not now")

    return tracked(behave)


def ending_in(order: Iterable[int]) -> Process:
    """Return a function whose calls end in this order, each when the one before it has."""
    ended = {number: threading.Event() for number in order}
    before = dict(zip(list(ended)[1:], ended, strict=False))

    def process(row: Any, state_id: str) -> TransformResult:
        number = row["n"]
        if number in before:
            assert ended[before[number]].wait(GUARD)
        ended[number].set()
        return double(row, state_id)

    return process


class Gauge:
    """Counts how many calls are under way at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


class StandingTime(FakeClock):
    """A clock that only the test moves. ``asked``: for how many seconds the pool wanted to wait, one by one."""

    def __init__(self) -> None:
        super().__init__(start=1000.0)
        self.asked: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._conditions: set[threading.Condition] = set()
        self._goes_on = False

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        if self._goes_on:
            self.advance(seconds)
            return
        self._conditions.add(condition)
        self.asked.put(seconds)
        condition.wait()

    def let_go_on(self) -> None:
        """From now on time passes as fast as the pool likes."""
        self._goes_on = True
        self.let_pass(0)

    def let_pass(self, seconds: float) -> None:
        self.advance(seconds)
        for condition in list(self._conditions):
            with condition:
                condition.notify_all()


class BrokenSink(MemoryAudit):
    """Keeps so many records, and has no room for more."""

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room

    def write(self, record: AuditRecord) -> None:
        if len(self.records) >= self.room:
            raise OSError(28, "No space left on device")
        super().write(record)


def trail_of(executor: PooledExecutor) -> list[AuditRecord]:
    assert isinstance(executor.audit, MemoryAudit)
    return executor.audit.records


def is_whole(executor: PooledExecutor) -> bool:
    """Whether nothing is pending, every permit is back, and the next batch is right."""
    back = executor.pending_count == 0 and executor.available_permits == executor.config.pool_size
    after = executor.execute_batch(rows(3, "after"), double)
    return back and [result.row for result in after] == doubled(3, "after")
