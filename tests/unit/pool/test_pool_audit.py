"""The audit trail: whole, unique, in agreement with the statistics; and what happens where it cannot be kept."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pool_processes import BrokenSink, double, failing, is_whole, rows, tracked, trail_of

from isolane.model.clock import FakeClock
from isolane.pool import (
    AuditError,
    AuditSink,
    CallTotals,
    CapacityError,
    JsonlAudit,
    MemoryAudit,
    PoolConfig,
    PooledExecutor,
    PoolValueError,
    RowContext,
    SqliteAudit,
    TransformResult,
)

Read = Callable[[], list[dict[str, Any]]]
FIELDS = {
    "state_id",
    "call_index",
    "row_index",
    "attempt",
    "outcome",
    "request",
    "response",
    "retryable",
    "error",
    "started_at",
    "duration_us",
    "delay_us",
    "permit_wait_us",
    "throttle_ms",
}


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def calls_of(path: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute("SELECT * FROM call")]
    return [{**row, **{name: json.loads(row[name]) for name in ("request", "response", "error")}} for row in found]


@pytest.fixture(params=["memory", "jsonl", "sqlite"])
def sink_and_read(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[AuditSink, Read]]:
    path = tmp_path / "audit"
    if request.param == "memory":
        memory = MemoryAudit()
        yield memory, lambda: [record.as_data() for record in memory.records]
    elif request.param == "jsonl":
        with JsonlAudit(path) as jsonl:
            yield jsonl, lambda: lines_of(path)
    else:
        with SqliteAudit(path) as database:
            yield database, lambda: calls_of(path)


@pytest.mark.req("AU1")
@pytest.mark.req("AU2")
def test_every_call_and_every_retry_is_on_record(sink_and_read: tuple[AuditSink, Read]) -> None:
    sink, read = sink_and_read
    times = {1: 2, 3: 1}

    def behave(number: int, attempt: int) -> TransformResult | None:
        if attempt < times.get(number, 0):
            raise CapacityError(429, f"attempt {attempt}", retry_after=0.25)
        if number == 4:
            raise ValueError("no fare")
        return TransformResult.error({"reason": "closed", "stop": 5}, retryable=True) if number == 5 else None

    process, log = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=3), audit=sink, clock=FakeClock(start=100)) as executor:
        executor.execute_batch(rows(6), process)
    calls = {(one["state_id"], one["call_index"]): one for one in read()}

    assert len(read()) == len(calls) == len(log) == 9
    assert set(calls) == {(f"row-{number}", attempt) for number, attempt in log}
    assert all(set(one) == FIELDS for one in calls.values())
    assert all(one["request"] == {"n": one["row_index"], "of": "row"} for one in calls.values())
    assert calls["row-0", 0]["response"] == {"n": 0, "of": "row"}
    assert calls["row-1", 2]["response"] == {"n": 2, "of": "row"}
    assert [calls["row-1", index]["outcome"] for index in range(3)] == ["capacity", "capacity", "success"]
    for index in (0, 1):
        error = calls["row-1", index]["error"]
        assert (error["type"], error["message"]) == ("CapacityError", f"429: attempt {index}")
        assert (error["status_code"], error["retry_after"]) == (429, 0.25)
        assert calls["row-1", index]["response"] is None
        assert calls["row-1", index + 1]["delay_us"] >= 250_000
    assert calls["row-4", 0]["error"]["traceback"].endswith("ValueError: no fare\n")
    assert calls["row-5", 0]["response"] == {"reason": "closed", "stop": 5}
    assert bool(calls["row-5", 0]["retryable"])
    assert calls["row-4", 0]["retryable"] is None
    assert all(one["started_at"] >= 100 for one in calls.values())


@pytest.mark.req("AU1")
def test_a_name_that_comes_again_goes_on_with_its_numbers(sink_and_read: tuple[AuditSink, Read]) -> None:
    sink, read = sink_and_read
    process, _ = failing({0: 1})
    with PooledExecutor(audit=sink, clock=FakeClock()) as executor:
        for _ in range(3):
            executor.execute_batch(rows(2), process)
    with PooledExecutor(audit=sink) as other:
        other.execute_batch(rows(1), double)
        told = other.get_stats().calls

    numbers: dict[str, list[int]] = {}
    for one in read():
        numbers.setdefault(one["state_id"], []).append(one["call_index"])
    assert sorted(numbers["row-0"]) == [0, 1, 2, 3, 4]
    assert sorted(numbers["row-1"]) == [0, 1, 2]
    assert (told.calls, told.retries) == (1, 0)


@pytest.mark.req("AU3")
def test_a_result_explains_itself() -> None:
    def behave(number: int, attempt: int) -> TransformResult | None:
        if attempt < 2:
            raise CapacityError(503, "restarting")
        return None if number == 0 else TransformResult.error("no such stop")

    process, _ = tracked(behave)
    with PooledExecutor(PoolConfig(recovery_step_ms=100), clock=FakeClock()) as executor:
        (good,) = executor.execute_batch(rows(1), process)
        (bad,) = executor.execute_batch([RowContext({"n": 1, "of": "row"}, "other", 7)], process)
        story = executor.audit.story_of("other")  # type: ignore[attr-defined]

    assert good.account is not None
    assert bad.account is not None
    assert good.account._asdict() == {
        "state_id": "row-0",
        "row_index": 0,
        "calls": 3,
        "capacity_errors": 2,
        "elapsed_seconds": pytest.approx(0.3),
        "delayed_seconds": pytest.approx(0.3),
    }
    assert (bad.account.state_id, bad.account.row_index, bad.account.calls) == ("other", 7, 3)
    assert [record.outcome.value for record in story] == ["capacity", "capacity", "error"]
    assert [record.error.message for record in story if record.error] == ["503: restarting"] * 2
    assert story[-1].response == {"reason": "no such stop"}


@pytest.mark.req("AU4")
@pytest.mark.req("ST1")
def test_statistics_are_what_the_trail_adds_up_to() -> None:
    def behave(number: int, attempt: int) -> TransformResult | None:
        clock.advance(0.010)
        if attempt < number % 4:
            raise CapacityError(429)
        if number % 5 == 0:
            raise ValueError
        return TransformResult.error("no") if number % 7 == 0 else None

    clock = FakeClock()
    process, log = tracked(behave)
    with PooledExecutor(PoolConfig(pool_size=3), clock=clock) as executor:
        results = executor.execute_batch(rows(30), process)
        told = executor.get_stats()
        trail = trail_of(executor)

    assert told.calls == CallTotals.of(trail)
    assert told.calls.calls == len(trail) == len(log)
    assert told.calls.retries == told.calls.capacity_errors == sum(number % 4 for number in range(30))
    assert told.rows.succeeded == told.calls.successes == sum(result.is_success for result in results)
    assert told.rows.failed == told.calls.errors + told.calls.exceptions
    assert told.peak_delay_ms == max(record.throttle_ms for record in trail)
    assert told.total_throttle_time_ms == sum(record.delay_us for record in trail) / 1000
    assert told.calls.duration_us >= 10_000 * len(trail)


@pytest.mark.req("AU4")
def test_ten_rows_with_three_capacity_errors() -> None:
    process, _ = failing({1: 1, 4: 1, 8: 1})
    with PooledExecutor(PoolConfig(recovery_step_ms=40), clock=FakeClock()) as executor:
        executor.execute_batch(rows(10), process)
        told = executor.get_stats()

    assert (told.calls.capacity_errors, told.calls.retries, told.calls.calls) == (3, 3, 13)
    assert told.total_throttle_time_ms >= 120


def test_what_is_read_of_a_record_changes_nothing_in_it(executor: PooledExecutor) -> None:
    results = executor.execute_batch(rows(1), double)
    (record,) = trail_of(executor)
    for reading in (record.request, record.response, results[0].row):
        reading["n"] = "changed"

    assert record.request == {"n": 0, "of": "row"}
    assert record.response == results[0].row == {"n": 0, "of": "row"}


@pytest.mark.parametrize("room", [0, 1, 4])
def test_no_call_is_made_after_one_that_could_not_be_put_on_record(room: int) -> None:
    process, log = tracked(lambda *_: None)
    sink = BrokenSink(room)
    with PooledExecutor(PoolConfig(pool_size=1), audit=sink) as executor:
        with pytest.raises(AuditError) as caught:
            executor.execute_batch(rows(9), process)

        assert len(log) == room + 1
        assert "No space left on device" in caught.value.what
        assert isinstance(caught.value.__cause__, OSError)
        kept = [result is not None for result in caught.value.results]
        assert kept == [True] * (room + 1) + [False] * (8 - room)
        assert executor.get_stats().rows.unaudited == 1
        sink.room = 100
        assert is_whole(executor)


def test_other_batches_stop_as_well() -> None:
    process, log = tracked(lambda *_: None)
    with PooledExecutor(PoolConfig(pool_size=1), audit=BrokenSink(3)) as executor, ThreadPoolExecutor(3) as threads:
        batches = [threads.submit(executor.execute_batch, rows(9, f"batch-{number}"), process) for number in range(3)]
        errors = [batch.exception(20) for batch in batches]

        assert all(isinstance(error, AuditError) for error in errors)
        assert executor.pending_count == 0
    assert len(log) <= 3 + 3  # A batch that comes after the failure finds out for itself.


def test_a_stream_and_a_future_stop_too() -> None:
    with PooledExecutor(audit=BrokenSink(2)) as executor:
        stream = executor.stream(rows(9), double, ahead=1)
        assert [next(stream).is_success, next(stream).is_success] == [True, True]
        with pytest.raises(AuditError):
            list(stream)
        with pytest.raises(AuditError):
            executor.submit(rows(1)[0], double).result(20)


def test_a_stream_that_has_failed_meanwhile_makes_no_further_call() -> None:
    process, log = tracked(lambda *_: None)
    with PooledExecutor(audit=BrokenSink(1)) as executor:
        stream = executor.stream(rows(9), process, ahead=3)
        with pytest.raises(AuditError):
            list(stream)
        executor.shutdown()
    assert len(log) == 2


def test_work_that_is_not_on_record_can_be_allowed() -> None:
    with PooledExecutor(audit=BrokenSink(2), audit_failure="continue") as executor:
        results = executor.execute_batch(rows(5), double)

        assert all(result.is_success for result in results)
        assert executor.get_stats().rows.unaudited == 3
        assert executor.get_stats().calls.calls == 2


def test_a_sink_that_cannot_number_a_call_keeps_it_from_being_made() -> None:
    class Gone(MemoryAudit):
        def next_call_index(self, state_id: str) -> int:
            raise ConnectionError("gone")

    process, log = tracked(lambda *_: None)
    with PooledExecutor(audit=Gone()) as executor, pytest.raises(AuditError, match="ConnectionError: gone"):
        executor.execute_batch(rows(3), process)
    assert log == []


def test_another_word_for_what_to_do() -> None:
    with pytest.raises(PoolValueError, match="audit_failure is 'ignore'"):
        PooledExecutor(audit_failure="ignore")  # type: ignore[arg-type]


def test_secrets_are_redacted_wherever_they_turn_up() -> None:
    def fail(row: dict[str, Any], state_id: str) -> TransformResult:
        if row["n"] == 0:
            raise ValueError(f"cannot log in with {row['login']['API_Key']}")
        if row["n"] == 1:
            raise CapacityError(429, f"not now, {row['login']['API_Key']}", retry_after=0)
        return TransformResult.success({"echo": f"?key={row['login']['API_Key']}", "token": "t-999", "n": 2})

    def process(row: dict[str, Any], state_id: str) -> TransformResult:
        if seen and row["n"] == 1:
            return TransformResult.success_multi([{"token": 1}, {"kept": 2}])
        if row["n"] == 1:
            seen.append(1)
        return fail(row, state_id)

    seen: list[int] = []
    contexts = [
        RowContext({"n": n, "login": {"API_Key": "s3cret-value"}, "url": "/?s3cret-value"}, f"row-{n}", n)
        for n in range(3)
    ]
    with PooledExecutor(redact=["api_key", "token"], clock=FakeClock()) as executor:
        results = executor.execute_batch(contexts, process)
        text = json.dumps([record.as_data() for record in trail_of(executor)])
        by_name = {(one.state_id, one.call_index): one for one in trail_of(executor)}

    assert "s3cret-value" not in text
    assert "t-999" not in text
    assert by_name["row-0", 0].request == {"n": 0, "login": {"API_Key": "[redacted]"}, "url": "/?[redacted]"}
    assert by_name["row-0", 0].error is not None
    assert by_name["row-0", 0].error.message == "cannot log in with [redacted]"
    assert by_name["row-1", 1].response == [{"token": "[redacted]"}, {"kept": 2}]
    assert by_name["row-2", 0].response == {"echo": "?key=[redacted]", "token": "[redacted]", "n": 2}
    assert results[2].row["token"] == "t-999"  # The caller's own result is whole.
    assert contexts[0].row["login"]["API_Key"] == "s3cret-value"


@pytest.mark.parametrize("row", [{(1, 2): "key"}, {"set": {1}}, {"nan": float("nan")}, {"bytes": b"x"}, object])
def test_rows_that_json_has_no_form_for(tmp_path: Path, row: Any) -> None:
    context = RowContext(row, "row", 0)
    with JsonlAudit(tmp_path / "jsonl") as jsonl, SqliteAudit(tmp_path / "sqlite") as database:
        for sink in (jsonl, database):
            with PooledExecutor(audit=sink) as executor:
                assert executor.execute_batch([context], lambda row, _: TransformResult.success(row))[0].is_success

    (line,), (call,) = lines_of(tmp_path / "jsonl"), calls_of(tmp_path / "sqlite")
    assert line["request"] == line["response"] == call["request"] == call["response"]
    assert line["request"]


WRITER = """
import os, sys
from isolane.pool import JsonlAudit, PooledExecutor, RowContext, SqliteAudit, TransformResult

def process(row, state_id):
    if row == 3:
        os.kill(os.getpid(), 9)
    return TransformResult.success(row)

sink = (JsonlAudit if sys.argv[1] == "jsonl" else SqliteAudit)(sys.argv[2])
PooledExecutor(audit=sink).execute_batch([RowContext(n, f"row-{n}", n) for n in range(9)], process)
"""


@pytest.mark.parametrize("kind", ["jsonl", "sqlite"])
def test_a_process_that_is_killed_loses_no_record(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "audit"
    done = subprocess.run([sys.executable, "-c", WRITER, kind, str(path)], check=False, timeout=20)
    assert done.returncode == -signal.SIGKILL
    read = lines_of if kind == "jsonl" else calls_of
    assert [one["state_id"] for one in read(path)] == ["row-0", "row-1", "row-2"]

    with (JsonlAudit if kind == "jsonl" else SqliteAudit)(path) as sink, PooledExecutor(audit=sink) as executor:
        executor.execute_batch(rows(4), double)

    assert sorted((one["state_id"], one["call_index"]) for one in read(path)) == [
        *((f"row-{number}", index) for number in range(3) for index in range(2)),
        ("row-3", 0),
    ]


def test_a_torn_line_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    with JsonlAudit(path) as sink, PooledExecutor(audit=sink) as executor:
        executor.execute_batch(rows(2), double)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"state_id": "row-')

    with JsonlAudit(path) as sink:
        assert sink.next_call_index("row-1") == 1
    assert path.read_bytes() == whole


def test_a_file_that_is_no_trail(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text('{"state_id": "row"}\n')

    with pytest.raises(AuditError, match="line 1, is no record of a call"):
        JsonlAudit(path)
    with pytest.raises(AuditError, match="file is not a database"):
        SqliteAudit(path)
    assert path.read_text() == '{"state_id": "row"}\n'


def test_one_writer_a_file(tmp_path: Path) -> None:
    with JsonlAudit(tmp_path / "audit"), pytest.raises(AuditError, match="is another audit's"):
        JsonlAudit(tmp_path / "audit")
    JsonlAudit(tmp_path / "audit").close()


def test_a_full_disk_leaves_no_part_of_a_record(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "audit"
    process, log = tracked(lambda *_: None)
    room = 1000
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with JsonlAudit(path) as sink, PooledExecutor(audit=sink) as executor:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
            with pytest.raises(AuditError, match="cannot be written: File too large"):
                executor.execute_batch(rows(50), process)
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            written = lines_of(path)
            assert len(log) == len(written) + 1
            executor.execute_batch(rows(1, "after"), double)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert lines_of(path) == [*written, lines_of(path)[-1]]


@pytest.mark.parametrize("kind", [JsonlAudit, SqliteAudit])
def test_an_audit_that_was_closed(tmp_path: Path, kind: Any) -> None:
    sink = kind(tmp_path / "audit")
    sink.close()
    sink.close()

    with PooledExecutor(audit=sink) as executor, pytest.raises(AuditError, match="Close the audit after the executor"):
        executor.execute_batch(rows(1), double)


@pytest.mark.parametrize("kind", [JsonlAudit, SqliteAudit])
def test_a_place_where_nothing_can_be_written(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(AuditError, match="cannot be written"):
        kind(tmp_path / "nowhere" / "audit")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


def test_several_writers_have_one_database(tmp_path: Path) -> None:
    path = tmp_path / "audit"

    def write(number: int) -> None:
        with SqliteAudit(path) as sink, PooledExecutor(PoolConfig(pool_size=2), audit=sink) as executor:
            executor.execute_batch(rows(20, f"writer-{number}"), double)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, range(3)))

    assert len(calls_of(path)) == 60
