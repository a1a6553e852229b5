"""The asynchronous twin keeps the same promises."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from pool_processes import BrokenSink, Process, double, doubled, failing, rows, tracked

from isolane.model.clock import FakeClock
from isolane.pool import (
    AsyncPooledExecutor,
    AuditError,
    CallTotals,
    CapacityError,
    MemoryAudit,
    PoolConfig,
    PoolUseError,
    TransformResult,
)


def as_coroutine(process: Process) -> Any:
    async def made(row: Any, state_id: str) -> TransformResult:
        await asyncio.sleep(0)
        return process(row, state_id)

    return made


later = as_coroutine(double)


async def is_whole(executor: AsyncPooledExecutor) -> bool:
    back = executor.pending_count == 0 and executor.available_permits == executor.config.pool_size
    after = await executor.execute_batch(rows(3, "after"), later)
    return back and [result.row for result in after] == doubled(3, "after")


@pytest.mark.req("PC1")
@pytest.mark.req("PC2")
def test_order_and_limit() -> None:
    now = most = 0

    async def process(row: dict[str, int], state_id: str) -> TransformResult:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(10 - row["n"]):  # The later rows end first.
            await asyncio.sleep(0)
        now -= 1
        return double(row, state_id)

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(pool_size=4)) as executor:
            results = await executor.execute_batch(rows(10), process)
            assert [result.row for result in results] == doubled(10)
            assert await executor.execute_batch([], process) == []
            assert await is_whole(executor)

    asyncio.run(main())
    assert most == 4


@pytest.mark.req("PC3")
def test_the_next_row_begins_at_once_while_others_back_off() -> None:
    async def main() -> None:
        next_began = asyncio.Event()

        async def process(row: dict[str, int], state_id: str) -> TransformResult:
            if row["n"] == 3:
                next_began.set()
                return double(row, state_id)
            raise CapacityError(429)

        executor = AsyncPooledExecutor(PoolConfig(pool_size=3, recovery_step_ms=5000))
        tasks = [executor.submit(context, process) for context in rows(4)]
        await asyncio.wait_for(next_began.wait(), 20)
        assert (await tasks[3]).row == doubled(4)[3]
        assert (executor.pending_count, executor.available_permits) == (3, 3)

        await executor.shutdown(wait=False)
        results = await asyncio.gather(*tasks[:3])
        assert [result.reason["reason"] for result in results if result.reason] == ["shutdown"] * 3
        await executor.shutdown()

    asyncio.run(main())


@pytest.mark.req("PC4")
@pytest.mark.req("PC5")
@pytest.mark.req("AU4")
def test_backing_off_on_record() -> None:
    process, log = failing(lambda number: number % 3)

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(pool_size=2), clock=FakeClock()) as executor:
            results = await executor.execute_batch(rows(12), as_coroutine(process))
            assert [result.row for result in results] == doubled(12)
            told = executor.get_stats()
            assert isinstance(executor.audit, MemoryAudit)
            assert told.calls == CallTotals.of(executor.audit.records)
            assert told.calls.retries == 12
            assert len(log) == 24
            assert await is_whole(executor)

    asyncio.run(main())


def test_time_really_passes() -> None:
    process, log = failing({0: 2})

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(recovery_step_ms=1)) as executor:
            (result,) = await executor.execute_batch(rows(1), as_coroutine(process))
            assert result.account is not None
            assert result.account.elapsed_seconds >= 0.003

    asyncio.run(main())
    assert len(log) == 3


@pytest.mark.req("EX1")
@pytest.mark.req("EX2")
def test_an_exception_is_an_error_result() -> None:
    process, _ = tracked(lambda number, _: 1 / 0 if number == 1 else None)  # type: ignore[arg-type,return-value]

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(pool_size=2)) as executor:
            results = await executor.execute_batch(rows(3), as_coroutine(process))
            assert [result.is_success for result in results] == [True, False, True]
            assert results[1].reason is not None
            assert results[1].reason["type"] == "ZeroDivisionError"
            assert await is_whole(executor)

    asyncio.run(main())


@pytest.mark.req("SL1")
def test_what_is_cancelled_ends_its_calls_and_gives_its_permits_back() -> None:
    async def main() -> None:
        began = asyncio.Event()
        cancelled = []

        async def hang(row: object, state_id: str) -> TransformResult:
            began.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(state_id)
                raise
            return TransformResult.success(row)

        async with AsyncPooledExecutor(PoolConfig(pool_size=2)) as executor:
            batch = asyncio.create_task(executor.execute_batch(rows(5), hang))
            await began.wait()
            batch.cancel()
            with pytest.raises(asyncio.CancelledError):
                await batch
            assert cancelled == ["row-0", "row-1"]
            assert executor.get_stats().calls.interrupted == 2

            future = executor.submit(rows(1, "alone")[0], hang)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            future.cancel()
            with pytest.raises(asyncio.CancelledError):
                await future

            at_once = executor.submit(rows(1, "at-once")[0], hang)
            at_once.cancel()
            with pytest.raises(asyncio.CancelledError):
                await at_once
            await executor.execute_batch(rows(1, "between"), later)
            assert await is_whole(executor)

    asyncio.run(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_passes_through(kind: type[BaseException]) -> None:
    seen: list[AsyncPooledExecutor] = []

    async def end(row: dict[str, int], state_id: str) -> TransformResult:
        await asyncio.sleep(0)
        if row["n"] == 2:
            raise kind
        return double(row, state_id)

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(pool_size=2)) as executor:
            seen.append(executor)
            await executor.execute_batch(rows(9), end)

    with pytest.raises(kind):
        asyncio.run(main())
    assert (seen[0].pending_count, seen[0].available_permits) == (0, 2)


def test_a_stream_is_in_order_and_can_be_left() -> None:
    taken = []

    def source() -> Any:
        for context in rows(100):
            taken.append(context)
            yield context

    async def main() -> None:
        async with AsyncPooledExecutor(PoolConfig(pool_size=3)) as executor:
            assert [result.row async for result in executor.stream(rows(40), later)] == doubled(40)
            async with aclosing(executor.stream(source(), later, ahead=6)) as stream:
                async for result in stream:
                    if result.row["n"] == 6:
                        break
            assert len(taken) <= 12
            assert await is_whole(executor)

    asyncio.run(main())


def test_shutdown_finishes_what_is_pending() -> None:
    process, _ = failing(lambda number: number % 2)

    async def main() -> None:
        executor = AsyncPooledExecutor(PoolConfig(pool_size=2), clock=FakeClock())
        tasks = [executor.submit(context, as_coroutine(process)) for context in rows(6)]
        await executor.shutdown()
        assert executor.pending_count == 0
        assert [(await task).row for task in tasks] == doubled(6)
        with pytest.raises(PoolUseError, match="shut down"):
            await executor.execute_batch(rows(1), later)

    asyncio.run(main())


def test_a_call_that_waits_for_its_own_executor_is_told() -> None:
    async def main() -> None:
        async def nest(row: object, state_id: str) -> TransformResult:
            await executor.execute_batch(rows(1, "inner"), later)
            return TransformResult.success(row)

        async with AsyncPooledExecutor() as executor:
            (result,) = await executor.execute_batch(rows(1), nest)
            assert result.reason is not None
            assert result.reason["type"] == "PoolUseError"
            assert await is_whole(executor)

    asyncio.run(main())


def test_a_call_that_cannot_be_put_on_record_is_the_last() -> None:
    process, log = tracked(lambda *_: None)

    async def main() -> None:
        async with AsyncPooledExecutor(audit=BrokenSink(2)) as executor:
            with pytest.raises(AuditError) as caught:
                await executor.execute_batch(rows(5), as_coroutine(process))
            assert [result is not None for result in caught.value.results] == [True] * 3 + [False] * 2

    asyncio.run(main())
    assert len(log) == 3


def test_one_event_loop_after_another() -> None:
    executor = AsyncPooledExecutor(PoolConfig(pool_size=2))
    for number in range(2):
        results = asyncio.run(executor.execute_batch(rows(3, f"loop-{number}"), later))
        assert [result.row for result in results] == doubled(3, f"loop-{number}")


def test_two_event_loops_at_once() -> None:
    executor = AsyncPooledExecutor()
    left_behind = asyncio.new_event_loop()

    async def begin() -> None:
        executor.submit(rows(1)[0], later)

    left_behind.run_until_complete(begin())
    with pytest.raises(PoolUseError, match="at work in another event loop"):
        asyncio.run(executor.execute_batch(rows(1, "other"), later))
    left_behind.run_until_complete(executor.shutdown())
    left_behind.close()
