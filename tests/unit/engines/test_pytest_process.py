"""What is on record of a process whose run is interrupted."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from isolane.engines.pytest_process import run_pytest
from isolane.history.event_log import RunLogFile, read_events
from isolane.model.events import TestFinished, TestStarted
from isolane.model.outcome import PASSED, Category
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord


@pytest.mark.parametrize("before", ["", "trap '' INT; "], ids=["hears it", "has to be killed"])
def test_an_interrupted_run_keeps_what_had_not_been_read_yet(tmp_path: Path, before: str) -> None:
    log = RunLogFile(tmp_path / "run")
    log.directory.mkdir()
    log.append([TestStarted(1.0, "test_a.py::test_a", "")])
    os.mkfifo(tmp_path / "pipe")
    command = ("sh", "-c", f"{before}echo runs > pipe; exec sleep 600")
    run = run_pytest(RunPlan(tmp_path, sys.executable), command, log, tmp_path)
    next(run)
    assert (tmp_path / "pipe").read_text() == "runs\n"
    log.append([TestFinished(2.0, "test_a.py::test_a", "", Category.PASSED), TestStarted(2.0, "test_a.py::test_b", "")])
    run.close()

    record = RunRecord.of(read_events(log.directory / "events.jsonl"))
    assert record.outcomes == {"test_a.py::test_a": PASSED}
    assert list(record.running) == ["test_a.py::test_b"]
    assert record.end is not None
