from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor, wait

import pytest
from pool_processes import GUARD, double, doubled, ending_in, failing, is_whole, rows, tracked

from isolane.model.clock import FakeClock
from isolane.pool import PoolConfig, PooledExecutor, PoolValueError, RowContext, TransformResult


def test_a_future(executor: PooledExecutor) -> None:
    future = executor.submit(rows(1)[0], double)

    assert future.result(GUARD).row == doubled(1)[0]
    assert is_whole(executor)


@pytest.mark.parametrize("executor", [PoolConfig(pool_size=1)], indirect=True)
def test_a_future_can_be_cancelled_until_its_call_begins(executor: PooledExecutor) -> None:
    began, go_on = threading.Event(), threading.Event()
    process, log = tracked(lambda *_: None)

    def hold(row: dict[str, int], state_id: str) -> TransformResult:
        began.set()
        assert go_on.wait(GUARD)
        return process(row, state_id)

    running, queued, last = (executor.submit(context, hold) for context in rows(3))
    assert began.wait(GUARD)
    assert not running.cancel()
    assert queued.cancel()
    assert executor.pending_count == 2
    assert wait([queued], GUARD).done == {queued}
    go_on.set()

    assert last.result(GUARD).is_success
    with pytest.raises(CancelledError):
        queued.result()
    assert log == [(0, 0), (2, 0)]
    assert executor.get_stats().rows.dropped == 1
    assert is_whole(executor)


def test_what_ends_a_program_is_the_futures(executor: PooledExecutor) -> None:
    def end(row: object, state_id: str) -> TransformResult:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        executor.submit(rows(1)[0], end).result(GUARD)
    assert is_whole(executor)


def test_a_callback_may_submit_more(executor: PooledExecutor) -> None:
    done = threading.Event()
    more: list[object] = []

    def submit_more(_: object) -> None:
        more.append(executor.submit(rows(1, "more")[0], double))
        done.set()

    executor.submit(rows(1)[0], double).add_done_callback(submit_more)

    assert done.wait(GUARD)
    assert more[0].result(GUARD).is_success  # type: ignore[attr-defined]


def test_a_callback_that_ends_its_thread_takes_no_row_along(
    executor: PooledExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))

    def leave(_: object) -> None:
        raise SystemExit

    go_on = threading.Event()
    future = executor.submit(rows(1)[0], lambda row, _: TransformResult.success(go_on.wait(GUARD)))
    future.add_done_callback(leave)
    go_on.set()

    assert [result.row for result in executor.execute_batch(rows(20, "next"), double)] == doubled(20, "next")
    executor.shutdown()
    assert told == [SystemExit]


@pytest.mark.req("PC1")
@pytest.mark.parametrize("executor", [PoolConfig(pool_size=4)], indirect=True)
def test_a_stream_is_in_order(executor: PooledExecutor) -> None:
    results = executor.stream(iter(rows(4)), ending_in([3, 1, 2, 0]))

    assert [result.row for result in results] == doubled(4)
    assert is_whole(executor)


@pytest.mark.parametrize("executor", [PoolConfig(pool_size=2)], indirect=True)
def test_a_stream_takes_no_more_rows_than_it_may(executor: PooledExecutor) -> None:
    taken: list[int] = []

    def source() -> Iterator[RowContext]:
        for context in rows(100):
            taken.append(context.row_index)
            yield context

    ahead: list[int] = []
    for result in executor.stream(source(), double, ahead=5):
        assert result.account is not None
        ahead.append(len(taken) - result.account.row_index)

    assert len(taken) == 100
    assert max(ahead) <= 5


@pytest.mark.parametrize("executor", [PoolConfig(pool_size=2)], indirect=True)
def test_a_result_is_there_before_the_last_row_is(executor: PooledExecutor) -> None:
    first_seen = threading.Event()

    def source() -> Iterator[RowContext]:
        yield from rows(1, "first")
        yield from rows(2, "next")
        while not first_seen.is_set():
            yield from rows(1, f"more-{len(made)}")
            made.append(1)

    made: list[int] = []
    stream = executor.stream(source(), double, ahead=3)
    assert next(stream).row == doubled(1, "first")[0]
    first_seen.set()
    assert all(result.is_success for result in stream)


@pytest.mark.req("SL1")
@pytest.mark.parametrize("how", ["close", "forget"])
def test_a_stream_that_is_left_gives_up_its_rows(how: str) -> None:
    process, log = failing(lambda number: 10**6 if number > 2 else 0)
    with PooledExecutor(PoolConfig(pool_size=2), clock=FakeClock()) as executor:
        stream = executor.stream(rows(50), process)
        assert [next(stream).row, next(stream).row] == doubled(2)
        if how == "close":
            stream.close()  # type: ignore[attr-defined]
        del stream

        executor.execute_batch(rows(1, "other"), double)
        executor.shutdown()
        assert (executor.pending_count, executor.available_permits) == (0, 2)
        assert max(number for number, _ in log) < 20


def test_a_stream_that_is_forgotten_by_a_thread_that_has_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the garbage collector finds it in the midst of the pool's own work: here while the clock is read."""
    clock = FakeClock()
    forgotten = threading.Event()
    with PooledExecutor(clock=clock) as pool:
        held = [pool.stream(rows(9, "forgotten"), double)]
        next(held[0])
        read = clock.monotonic

        def forget() -> float:
            if held and threading.current_thread() is forgetting[0]:
                held.clear()
                forgotten.set()
            return read()

        forgetting = [threading.current_thread()]
        monkeypatch.setattr(clock, "monotonic", forget)
        assert [result.row for result in pool.execute_batch(rows(3), double)] == doubled(3)
        assert forgotten.is_set()


def test_a_stream_whose_source_fails(executor: PooledExecutor) -> None:
    def source() -> Iterator[RowContext]:
        yield from rows(3)
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        list(executor.stream(source(), double))
    # What was under way when the source failed has its permit until it ends: so a batch that needs all of them at once.
    everyone = threading.Barrier(executor.config.pool_size)
    executor.execute_batch(
        rows(everyone.parties, "other"), lambda *_: TransformResult.success(everyone.wait(GUARD) >= 0)
    )
    assert is_whole(executor)


@pytest.mark.req("CB1")
def test_streams_and_batches_side_by_side(executor: PooledExecutor) -> None:
    def stream(number: int) -> list[object]:
        return [result.row for result in executor.stream(rows(50, f"stream-{number}"), double)]

    def batch(number: int) -> list[object]:
        return [result.row for result in executor.execute_batch(rows(50, f"batch-{number}"), double)]

    with ThreadPoolExecutor(4) as threads:
        streams = [threads.submit(stream, number) for number in range(2)]
        batches = [threads.submit(batch, number) for number in range(2)]

        assert [one.result(GUARD) for one in streams] == [doubled(50, f"stream-{number}") for number in range(2)]
        assert [one.result(GUARD) for one in batches] == [doubled(50, f"batch-{number}") for number in range(2)]


def test_a_stream_has_at_least_one_row_in_hand(executor: PooledExecutor) -> None:
    with pytest.raises(PoolValueError, match="ahead is 0"):
        executor.stream(rows(1), double, ahead=0)
    assert [result.row for result in executor.stream(rows(9), double, ahead=1)] == doubled(9)
