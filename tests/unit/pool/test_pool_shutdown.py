from __future__ import annotations

import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from pool_processes import GUARD, StandingTime, double, doubled, failing, rows

from isolane.pool import CapacityError, PoolConfig, PooledExecutor, PoolUseError, TransformResult


@pytest.mark.req("PC6")
def test_shutdown_finishes_what_is_pending(executor: PooledExecutor) -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait(row: dict[str, int], state_id: str) -> TransformResult:
        began.set()
        assert go_on.wait(GUARD)
        return double(row, state_id)

    with ThreadPoolExecutor(2) as threads:
        batch = threads.submit(executor.execute_batch, rows(6), wait)
        assert began.wait(GUARD)
        ending = threads.submit(executor.shutdown, wait=True)
        assert not ending.done()
        go_on.set()
        ending.result(GUARD)

        assert executor.pending_count == 0
        assert [result.row for result in batch.result(GUARD)] == doubled(6)


@pytest.mark.req("PC6")
@pytest.mark.req("SL1")
def test_shutdown_without_waiting_interrupts_backoffs_and_rows_that_have_not_begun() -> None:
    """Time stands still, and a call does not end: nothing here ends by itself."""
    time = StandingTime()
    began, go_on = threading.Event(), threading.Event()
    told_not_now, _ = failing({0: 1})

    def process(row: dict[str, int], state_id: str) -> TransformResult:
        if row["n"] == 1:
            began.set()
            assert go_on.wait(GUARD)
        return told_not_now(row, state_id)

    executor = PooledExecutor(PoolConfig(pool_size=1), clock=time, waiting=time)
    futures = [executor.submit(context, process) for context in rows(4)]
    assert began.wait(GUARD)
    executor.shutdown(wait=False)

    for number, calls in ((0, 1), (2, 0), (3, 0)):
        result = futures[number].result(GUARD)
        error = "429: not now" if calls else ""
        assert result == TransformResult.error({"reason": "shutdown", "error": error, "calls": calls}, retryable=True)
    assert not futures[1].done()
    go_on.set()
    assert futures[1].result(GUARD).row == doubled(2)[1]
    executor.shutdown(wait=True)
    assert (executor.pending_count, executor.available_permits) == (0, 1)
    assert executor.get_stats().rows.interrupted == 3


@pytest.mark.req("PC6")
def test_a_batch_that_is_interrupted_has_a_result_for_each_row() -> None:
    time = StandingTime()
    process, _ = failing(lambda number: number == 1)
    executor = PooledExecutor(PoolConfig(pool_size=1), clock=time, waiting=time)
    with ThreadPoolExecutor(1) as threads:
        batch = threads.submit(executor.execute_batch, rows(2), process)
        time.asked.get(timeout=GUARD)
        executor.shutdown(wait=False)
        results = batch.result(GUARD)
    executor.shutdown()

    assert [result.is_success for result in results] == [True, False]


def test_a_call_that_is_told_not_now_after_the_shutdown_is_not_tried_again() -> None:
    began, go_on = threading.Event(), threading.Event()
    process, log = failing({0: 1})

    def wait(row: dict[str, int], state_id: str) -> TransformResult:
        began.set()
        assert go_on.wait(GUARD)
        return process(row, state_id)

    executor = PooledExecutor()
    future = executor.submit(rows(1)[0], wait)
    assert began.wait(GUARD)
    executor.shutdown(wait=False)
    go_on.set()

    assert future.result(GUARD).reason == {"reason": "shutdown", "error": "429: not now", "calls": 1}
    assert log == [(0, 0)]
    executor.shutdown()


def test_the_fixture_does_not_wait_for_a_row_that_backs_off(executor: PooledExecutor) -> None:
    """That it has ended its threads is looked at after each test here."""

    def refuse(row: object, state_id: str) -> TransformResult:
        told.set()
        raise CapacityError(503, retry_after=3000)

    told = threading.Event()
    executor.submit(rows(1)[0], refuse)
    assert told.wait(GUARD)


@pytest.mark.parametrize("wait", [True, False])
def test_nothing_is_taken_on_afterwards(executor: PooledExecutor, wait: bool) -> None:
    executor.shutdown(wait)
    executor.shutdown(wait)

    with pytest.raises(PoolUseError, match=r"The executor is shut down\. Make another one\."):
        executor.execute_batch(rows(1), double)
    with pytest.raises(PoolUseError, match="shut down"):
        executor.submit(rows(1)[0], double)
    with pytest.raises(PoolUseError, match="shut down"):
        next(iter(executor.stream(rows(1), double)))
    with pytest.raises(RuntimeError):  # As concurrent.futures has it.
        executor.execute_batch([], double)


def test_an_error_that_leaves_the_block_does_not_wait_for_backoffs() -> None:
    time = StandingTime()
    process, _ = failing({0: 1})

    def leave() -> None:
        with PooledExecutor(clock=time, waiting=time) as executor:
            futures.append(executor.submit(rows(1)[0], process))
            time.asked.get(timeout=GUARD)
            raise ValueError("enough")

    futures: list[object] = []
    with pytest.raises(ValueError, match="enough"):
        leave()


def test_a_call_that_shuts_its_executor_down_does_not_wait_for_itself(executor: PooledExecutor) -> None:
    def end(row: object, state_id: str) -> TransformResult:
        executor.shutdown(wait=True)
        return TransformResult.success(row)

    assert [result.is_success for result in executor.execute_batch(rows(5), end)] == [True] * 5


def test_an_executor_that_is_forgotten_finishes_and_ends_its_threads() -> None:
    go_on = threading.Event()

    def wait(row: object, state_id: str) -> TransformResult:
        assert go_on.wait(GUARD)
        return TransformResult.success(row)

    executor = PooledExecutor(PoolConfig(pool_size=2), name="forgotten")
    futures = [executor.submit(context, wait) for context in rows(5)]
    del executor
    gc.collect()
    go_on.set()

    assert all(future.result(GUARD).is_success for future in futures)
    for thread in threading.enumerate():
        if thread.name.startswith("forgotten"):
            thread.join(GUARD)
            assert not thread.is_alive()


PROGRAM = """
from isolane.pool import CapacityError, PooledExecutor, RowContext

def refuse(row, state_id):
    print("called", flush=True)
    raise CapacityError(503, retry_after=3000)

executor = PooledExecutor()
executor.submit(RowContext({}, "row", 0), refuse)
while not executor.get_stats().calls.calls:
    pass
"""


def test_a_program_ends_though_a_row_backs_off() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=GUARD)

    assert (done.returncode, done.stdout, done.stderr) == (0, "called\n", "")
