"""What a run that did not come to its own end is missing: the tests it died in, and its end."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

from isolane.engines.base import RunLog
from isolane.model.errors import ExitCode, RecordError
from isolane.model.events import GAVE_UP, Event, RunFinished, TestFinished, WorkerStopped
from isolane.model.identity import CONTROLLER
from isolane.model.outcome import Category
from isolane.model.record import RunRecord

OUTPUT_NAME = "output.txt"


def close(log: RunLog, record: RunRecord, return_code: int, started: float, *, hung: bool) -> list[Event]:
    """Return the missing events and add them to the log; nothing where the run came to its end.

    return_code: the process's, negative for a signal. started: when it was started, seconds since the epoch. hung:
    it was killed because nothing happened any more. Raises :class:`RecordError` where the process could not write
    its log: what is missing there nobody knows.
    """
    if record.end is not None:
        return []
    lost = _recording_failure(log.directory) or ("" if record.header else log.trouble())
    if lost:
        raise RecordError("incomplete-record", lost)
    now = time.time()
    how = "hung" if hung else _how_it_died(return_code)
    missing: list[Event] = list(_victims(record, now, return_code, how))
    counts = record.counts()
    for event in missing:
        if isinstance(event, TestFinished):
            counts[event.category.value] = counts.get(event.category.value, 0) + 1
    if hung or return_code < 0:
        missing.append(WorkerStopped(now, CONTROLLER, how))
    header = record.header
    phases = (
        {"start": header.at - header.process_started, "tests": now - header.at} if header else {"start": now - started}
    )
    missing.append(RunFinished(now, return_code if return_code >= 0 else int(ExitCode.FAILED), phases, counts))
    log.append(missing)
    return missing


def correct_exit_code(log: RunLog, record: RunRecord, return_code: int) -> list[Event]:
    """Return the end once more where the process did not exit with what pytest had meant to: a hook failed last."""
    if record.end is None or return_code < 0 or record.end.exit_code == return_code:
        return []
    events: list[Event] = [replace(record.end, exit_code=return_code)]
    log.append(events)
    return events


def _victims(record: RunRecord, now: float, return_code: int, how: str) -> list[TestFinished]:
    """Return the tests that ran when the process ended. One that was interrupted has done nothing wrong."""
    if how != "hung" and return_code in (ExitCode.INTERRUPTED, -signal.SIGINT):
        return []
    victims = []
    for node_id in sorted(record.running, key=record.running.__getitem__):
        if how == "hung":
            seconds = now - record.running[node_id]
            message = f"no event for so long that the run was killed, {seconds:.0f} s after this test started"
            victims.append(TestFinished(now, node_id, "", Category.HUNG, message=message))
        else:
            message = f"the process {how} while this test ran"
            victims.append(TestFinished(now, node_id, "", Category.CRASHED, how, message=message))
    return victims


def _recording_failure(directory: Path) -> str:
    """Return what the plugin said of a log that it could not write, or nothing."""
    if not directory.is_dir():
        return f"{directory} was removed while the tests ran, by one of them or by another process."
    try:
        output = (directory / OUTPUT_NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((line.partition(GAVE_UP)[2].lstrip(": ") for line in output.splitlines() if GAVE_UP in line), "")


def _how_it_died(return_code: int) -> str:
    if return_code >= 0:
        return f"exited with {return_code}"
    try:
        return f"was killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"was killed by signal {-return_code}"
