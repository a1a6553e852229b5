"""The pool in a loop of the caller's own."""

from __future__ import annotations

import errno

import pytest
from pool_processes import failing, rows

from isolane.model.clock import FakeClock
from isolane.pool import CapacityError, MemoryAudit, PoolConfig, TransformResult
from isolane.pool.capacity import refused_start
from isolane.pool.stepwise import StepwiseExecutor


def test_a_call_is_made_again_until_there_is_room() -> None:
    clock = FakeClock()
    audit = MemoryAudit()
    process, log = failing({0: 2})
    executor = StepwiseExecutor(clock=clock, audit=audit)

    result = executor.call(rows(1)[0], process)

    assert result.is_success
    assert log == [(0, 0), (0, 1), (0, 2)]
    assert clock.monotonic() == pytest.approx(0.15)
    assert [record.call_index for record in audit.records] == [0, 1, 2]
    assert executor.pending_count == 0


def test_between_its_steps_the_caller_does_something_else() -> None:
    clock = FakeClock()
    process, log = failing({0: 1})
    results: list[TransformResult] = []
    executor = StepwiseExecutor(PoolConfig(recovery_step_ms=100), clock=clock)
    executor.submit(rows(1)[0], process, results.append)

    assert executor.step() == pytest.approx(0.1)
    assert (executor.step(), log, results) == (pytest.approx(0.1), [(0, 0)], [])
    clock.advance(0.1)
    assert executor.step() is None
    assert [result.is_success for result in results] == [True]


def test_what_has_no_room_for_too_long_is_an_error_result() -> None:
    process, _ = failing(lambda _: 10**6)
    executor = StepwiseExecutor(PoolConfig(max_capacity_retry_seconds=1), clock=FakeClock())

    result = executor.call(rows(1)[0], process)

    assert result.reason is not None
    assert result.reason["reason"] == "capacity_retry_timeout"


def test_rows_that_nobody_wants_any_more() -> None:
    process, log = failing({0: 1})
    results: list[TransformResult] = []
    clock = FakeClock()
    executor = StepwiseExecutor(clock=clock)
    executor.submit(rows(1)[0], process, results.append)
    executor.step()

    executor.drop()
    clock.advance(1)

    assert (executor.step(), executor.pending_count, log, results) == (None, 0, [(0, 0)], [])


@pytest.mark.parametrize("raised", [ValueError("no"), KeyboardInterrupt()])
def test_what_a_function_raises_passes_through_and_is_on_record(raised: BaseException) -> None:
    def process(row: object, state_id: str) -> TransformResult:
        raise raised

    audit = MemoryAudit()
    executor = StepwiseExecutor(audit=audit)
    with pytest.raises(type(raised)):
        executor.call(rows(1)[0], process)

    assert [record.error.type for record in audit.records if record.error] == [type(raised).__name__]
    assert executor.pending_count == 0


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EAGAIN, True), (errno.ENOMEM, True), (errno.ENOENT, False), (errno.EACCES, False)]
)
def test_a_process_that_is_refused_for_want_of_room(number: int, expected: bool) -> None:
    error = refused_start(OSError(number, "no"))

    assert isinstance(error, CapacityError) is expected
