"""Order, the limit of calls at a time, batches side by side."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pool_processes import GUARD, Gauge, double, doubled, ending_in, failing, is_whole, rows, tracked

from isolane.model.clock import FakeClock
from isolane.pool import PoolConfig, PooledExecutor, PoolValueError, RowContext, TransformResult


@pytest.mark.req("PC1")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=6)], indirect=True)
@pytest.mark.parametrize("order", [range(5, -1, -1), range(6), [3, 0, 5, 1, 4, 2]], ids=str)
def test_results_are_in_the_order_of_the_rows(executor: PooledExecutor, order: list[int]) -> None:
    results = executor.execute_batch(rows(6), ending_in(order))

    assert [result.row for result in results] == doubled(6)


@pytest.mark.req("PC2")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=size) for size in (1, 2, 5)], indirect=True)
def test_there_are_as_many_calls_at_a_time_as_permits_and_no_more(executor: PooledExecutor) -> None:
    size = executor.config.pool_size
    gauge, together = Gauge(), threading.Barrier(size)
    permits: list[int] = []

    def meet(row: object, state_id: str) -> TransformResult:
        with gauge:
            permits.append(executor.available_permits)
            together.wait(GUARD)  # Not fewer: else nobody gets past this.
            permits.append(executor.available_permits)
        return TransformResult.success(row)

    executor.execute_batch(rows(4 * size), meet)

    assert gauge.most == size
    assert min(permits) == 0
    assert max(permits) < size
    assert executor.available_permits == size


@pytest.mark.req("PR1")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=10)], indirect=True)
def test_twenty_rows_take_two_rounds_of_ten_where_one_permit_takes_twenty(executor: PooledExecutor) -> None:
    """What that is in seconds is measured by bench/pool.py: a call of 0.1 s makes it 0.2 s where it was 2 s."""
    rounds: list[int] = []
    together = threading.Barrier(10, action=lambda: rounds.append(1))

    def meet(row: object, state_id: str) -> TransformResult:
        together.wait(GUARD)
        return TransformResult.success(row)

    executor.execute_batch(rows(20), meet)
    assert len(rounds) == 2

    gauge = Gauge()
    with PooledExecutor(PoolConfig(pool_size=1)) as alone:

        def measure(row: object, state_id: str) -> TransformResult:
            with gauge:
                return TransformResult.success(row)

        alone.execute_batch(rows(20), measure)
    assert gauge.most == 1


@pytest.mark.req("CB1")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=3)], indirect=True)
def test_batches_of_several_threads_share_the_limit_and_never_mix(executor: PooledExecutor) -> None:
    gauge, together = Gauge(), threading.Barrier(5)

    def measure(row: dict[str, int], state_id: str) -> TransformResult:
        with gauge:
            return double(row, state_id)

    def submit(number: int) -> list[object]:
        together.wait(GUARD)
        return [result.row for result in executor.execute_batch(rows(40, f"batch-{number}"), measure)]

    with ThreadPoolExecutor(5) as threads:
        batches = list(threads.map(submit, range(5)))

    assert batches == [doubled(40, f"batch-{number}") for number in range(5)]
    assert gauge.most <= 3
    assert is_whole(executor)


@pytest.mark.req("CB1")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=1)], indirect=True)
def test_batches_take_turns(executor: PooledExecutor) -> None:
    begun, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def process(row: object, state_id: str) -> TransformResult:
        order.append(state_id)
        begun.set()
        assert go_on.wait(GUARD)
        return TransformResult.success(row)

    with ThreadPoolExecutor(2) as threads:
        many = threads.submit(executor.execute_batch, rows(4, "many"), process)
        assert begun.wait(GUARD)
        few = executor.submit(rows(1, "few")[0], process)
        go_on.set()
        many.result(GUARD)
        few.result(GUARD)

    assert order.index("few-0") <= 2


@pytest.mark.req("DG1")
def test_an_empty_batch(executor: PooledExecutor) -> None:
    assert executor.execute_batch([], double) == []
    assert executor.get_stats().calls.calls == 0


@pytest.mark.req("DG1")
def test_a_single_row(executor: PooledExecutor) -> None:
    assert [result.row for result in executor.execute_batch(rows(1), double)] == doubled(1)


@pytest.mark.req("DG1")
def test_every_row_fails(executor: PooledExecutor) -> None:
    process, log = tracked(lambda number, _: TransformResult.error(f"no {number}", retryable=True))

    results = executor.execute_batch(rows(5), process)

    assert results == [TransformResult.error(f"no {number}", retryable=True) for number in range(5)]
    assert sorted(log) == [(number, 0) for number in range(5)]
    assert executor.get_stats().current_delay_ms == 0  # An error is no lack of room.
    assert is_whole(executor)


@pytest.mark.req("DG1")
@pytest.mark.req("SL1")
def test_every_row_runs_out_of_time() -> None:
    process, _ = failing(lambda _: 10**6)
    with PooledExecutor(PoolConfig(pool_size=2, max_capacity_retry_seconds=30), clock=FakeClock()) as executor:
        results = executor.execute_batch(rows(5), process)

        assert [result.reason["reason"] for result in results if result.reason] == ["capacity_retry_timeout"] * 5
        assert executor.get_stats().rows.timed_out == 5
        assert is_whole(executor)


@pytest.mark.req("SS1")
@pytest.mark.parametrize(("count", "size", "share"), [(1000, 10, 0.1), (100, 50, 0.2), (500, 8, 0.5)])
def test_stress(count: int, size: int, share: float) -> None:
    chance = random.Random(count)
    times = {number: chance.randint(1, 3) for number in range(count) if chance.random() < share}
    process, log = failing(times)
    gauge = Gauge()

    def measure(row: dict[str, int], state_id: str) -> TransformResult:
        with gauge:
            return process(row, state_id)

    with PooledExecutor(PoolConfig(pool_size=size, max_capacity_retry_seconds=1e9), clock=FakeClock()) as executor:
        results = executor.execute_batch(rows(count), measure)
        told = executor.get_stats()

        assert [result.row for result in results] == doubled(count)
        assert sorted(log) == sorted((n, attempt) for n in range(count) for attempt in range(times.get(n, 0) + 1))
        assert gauge.most <= size
        assert told.calls.capacity_errors == told.calls.retries == sum(times.values())
        assert is_whole(executor)


def test_a_name_cannot_be_at_work_twice(executor: PooledExecutor) -> None:
    with pytest.raises(PoolValueError, match="Two rows at work have the state_id 'same'"):
        executor.execute_batch([RowContext(1, "same", 0), RowContext(2, "same", 1)], double)

    assert executor.pending_count == 0
    assert is_whole(executor)


def test_a_row_has_a_context(executor: PooledExecutor) -> None:
    with pytest.raises(PoolValueError, match=r"A row is a dict\. Wrap it in a RowContext\."):
        executor.execute_batch([{"n": 1}], double)  # type: ignore[list-item]

    assert is_whole(executor)


@pytest.mark.req("PC7")
def test_who_changes_its_row_changes_nobody_elses() -> None:
    shared = {"lines": ["a"], "n": 0}
    seen: list[list[str]] = []

    def spoil(row: dict[str, list[str]], state_id: str) -> TransformResult:
        seen.append(list(row["lines"]))
        row["lines"].append("spoilt")
        return again(row, state_id)

    again, _ = failing({0: 2})
    contexts = [RowContext(shared, f"row-{number}", number) for number in range(3)]
    with PooledExecutor(clock=FakeClock()) as executor:
        executor.execute_batch(contexts, spoil)

    assert seen == [["a"]] * 9
    assert shared == {"lines": ["a"], "n": 0}
    assert contexts[0].row == shared
