"""Whatever a call does, no permit is lost, and the next batch is right."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pool_processes import GUARD, double, doubled, failing, is_whole, rows, tracked, trail_of

from isolane.model.clock import FakeClock
from isolane.pool import CallOutcome, CapacityError, PoolConfig, PooledExecutor, PoolUseError, TransformResult


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.req("EX1")
@pytest.mark.req("EX2")
@pytest.mark.req("SL1")
def test_an_unexpected_exception_is_an_error_result(executor: PooledExecutor) -> None:
    def behave(number: int, attempt: int) -> None:
        if number == 1:
            raise ValueError("the fare is negative")

    process, log = tracked(behave)
    results = executor.execute_batch(rows(3), process)

    assert [result.row for result in results] == [doubled(3)[0], None, doubled(3)[2]]
    assert results[1] == TransformResult.error(
        {"reason": "exception", "type": "ValueError", "error": "the fare is negative"}, retryable=False
    )
    assert sorted(log) == [(0, 0), (1, 0), (2, 0)]
    (record,) = [record for record in trail_of(executor) if record.state_id == "row-1"]
    assert record.outcome is CallOutcome.EXCEPTION
    assert record.error is not None
    assert record.error.traceback.endswith("ValueError: the fare is negative\n")
    assert "in behave" in record.error.traceback
    assert is_whole(executor)


@pytest.mark.req("EX1")
def test_an_exception_after_capacity_errors(executor: PooledExecutor) -> None:
    def behave(number: int, attempt: int) -> None:
        raise CapacityError(429, retry_after=0) if attempt == 0 else KeyError("fare")

    process, _ = tracked(behave)
    (result,) = executor.execute_batch(rows(1), process)

    assert result.reason is not None
    assert result.reason["type"] == "KeyError"
    assert [record.outcome for record in trail_of(executor)] == [CallOutcome.CAPACITY, CallOutcome.EXCEPTION]
    assert is_whole(executor)


@pytest.mark.req("EX1")
def test_an_exception_that_cannot_say_what_it_is(executor: PooledExecutor) -> None:
    def fail(row: object, state_id: str) -> TransformResult:
        raise Unprintable

    (result,) = executor.execute_batch(rows(1), fail)

    assert result.reason == {
        "reason": "exception",
        "type": "Unprintable",
        "error": "(its message cannot be printed)",
    }
    assert is_whole(executor)


@pytest.mark.req("EX1")
@pytest.mark.parametrize("returned", [None, {"n": 1}, "success"])
def test_what_is_returned_has_to_be_a_result(executor: PooledExecutor, returned: Any) -> None:
    (result,) = executor.execute_batch(rows(1), lambda row, state_id: returned)

    assert result.reason is not None
    assert result.reason["error"] == f"the function returned {type(returned).__name__}, not TransformResult"


@pytest.mark.req("SL1")
@pytest.mark.parametrize("executor", [{"pool_size": 1}], indirect=True)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_passes_through(executor: PooledExecutor, kind: type[BaseException]) -> None:
    process, log = tracked(lambda number, _: None)

    def end(row: dict[str, int], state_id: str) -> TransformResult:
        if row["n"] == 3:
            raise kind("enough")
        return process(row, state_id)

    with pytest.raises(kind, match="enough"):
        executor.execute_batch(rows(50), end)

    assert log == [(0, 0), (1, 0), (2, 0)]
    assert [record.outcome for record in trail_of(executor)].count(CallOutcome.INTERRUPTED) == 1
    told = executor.get_stats().rows
    assert (told.succeeded, told.dropped) == (3, 47)
    assert is_whole(executor)


@pytest.mark.req("SL1")
def test_ctrl_c_passes_through_whoever_waits(executor: PooledExecutor) -> None:
    go_on = threading.Event()
    main_thread = threading.main_thread().ident
    assert main_thread is not None

    def press(row: dict[str, int], state_id: str) -> TransformResult:
        signal.pthread_kill(main_thread, signal.SIGINT)
        assert go_on.wait(GUARD)
        return double(row, state_id)

    with pytest.raises(KeyboardInterrupt):
        executor.execute_batch(rows(1), press)
    assert executor.pending_count == 1  # A call cannot be interrupted. Its result is nobody's.
    go_on.set()
    assert [result.row for result in executor.execute_batch(rows(4, "next"), double)] == doubled(4, "next")
    executor.shutdown()
    assert (executor.pending_count, executor.available_permits) == (0, 2)


@pytest.mark.req("SL1")
def test_what_ends_one_batch_leaves_the_others_alone() -> None:
    other_began, ended = threading.Event(), threading.Event()

    def wait(row: dict[str, int], state_id: str) -> TransformResult:
        if row["n"] == 0:
            other_began.set()
            assert ended.wait(GUARD)
        return double(row, state_id)

    def end(row: object, state_id: str) -> TransformResult:
        raise KeyboardInterrupt

    with PooledExecutor(PoolConfig(pool_size=2)) as executor, ThreadPoolExecutor(1) as threads:
        other = threads.submit(executor.execute_batch, rows(5, "other"), wait)
        assert other_began.wait(GUARD)
        with pytest.raises(KeyboardInterrupt):
            executor.execute_batch(rows(5), end)
        ended.set()

        assert [result.row for result in other.result(GUARD)] == doubled(5, "other")
        assert is_whole(executor)


@pytest.mark.req("SL1")
def test_rows_that_back_off_are_dropped_with_their_batch() -> None:
    def behave(number: int, attempt: int) -> None:
        if number < 3:
            raise CapacityError(429)
        raise KeyboardInterrupt

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=1), clock=FakeClock()) as pool:
        with pytest.raises(KeyboardInterrupt):
            pool.execute_batch(rows(9), process)

        assert (pool.pending_count, pool.available_permits) == (0, 1)
        assert pool.get_stats().rows.dropped == 9
        assert is_whole(pool)


def test_a_call_that_waits_for_a_batch_of_its_own_executor_is_told(executor: PooledExecutor) -> None:
    def nest(row: object, state_id: str) -> TransformResult:
        executor.execute_batch(rows(1, "inner"), double)
        return TransformResult.success(row)

    def stream(row: object, state_id: str) -> TransformResult:
        executor.stream(rows(1, "inner"), double)
        return TransformResult.success(row)

    for process in (nest, stream):
        (result,) = executor.execute_batch(rows(1), process)
        assert result.reason is not None
        assert result.reason["type"] == "PoolUseError"
        assert "Use another executor" in result.reason["error"]
    assert is_whole(executor)


def test_a_call_may_submit_more_rows_and_use_another_executor(executor: PooledExecutor) -> None:
    more = []

    def process(row: object, state_id: str) -> TransformResult:
        more.append(executor.submit(rows(1, f"after-{state_id}")[0], double))
        with PooledExecutor() as other:
            return other.execute_batch(rows(1, "inner"), double)[0]

    results = executor.execute_batch(rows(3), process)

    assert [result.row for result in results] == doubled(1, "inner") * 3
    assert all(future.result(GUARD).is_success for future in more)


def test_a_forked_child_is_told_and_can_leave(executor: PooledExecutor) -> None:
    executor.execute_batch(rows(2), double)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python says from 3.12 on what is tested here.
        child = os.fork()
    if not child:
        code = 1
        try:
            try:
                executor.execute_batch(rows(1), double)
            except PoolUseError as error:
                code = 0 if error.slug == "pool-forked" else 2
            executor.shutdown(wait=False)
            executor.shutdown(wait=True)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_whole(executor)


def test_a_batch_whose_rows_cannot_be_listed_leaves_nothing(executor: PooledExecutor) -> None:
    def broken() -> Any:
        yield from rows(2)
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        executor.execute_batch(broken(), double)

    assert executor.get_stats().calls.calls == 0
    assert is_whole(executor)


def test_no_thread_can_be_started(executor: PooledExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            executor.execute_batch(rows(2), double)

    assert is_whole(executor)


def test_capacity_errors_of_a_kind_of_their_own(executor: PooledExecutor) -> None:
    class NoRoom(CapacityError):
        def __init__(self) -> None:
            super().__init__(503, "no room on the cluster", retry_after=0)

    def behave(number: int, attempt: int) -> None:
        if attempt == 0:
            raise NoRoom

    process, log = tracked(behave)

    assert executor.execute_batch(rows(1), process)[0].is_success
    assert len(log) == 2
    assert [record.error.type for record in trail_of(executor) if record.error] == ["NoRoom"]


def test_a_pool_that_has_failed_much_works_on(executor: PooledExecutor) -> None:
    process, _ = failing(lambda _: 0)

    def mixed(row: dict[str, int], state_id: str) -> TransformResult:
        if row["n"] % 3 == 0:
            raise ValueError(state_id)
        return process(row, state_id) if row["n"] % 3 == 1 else TransformResult.error("no")

    for number in range(5):
        executor.execute_batch(rows(9, f"batch-{number}"), mixed)

    told = executor.get_stats().calls
    assert (told.successes, told.errors, told.exceptions) == (15, 15, 15)
    assert is_whole(executor)
