"""What a person sees while runs go on, and that it is set apart from what follows."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TextIO

import pytest

from isolane.cli.progress import LiveProgress, PlainProgress, Progress, new_progress
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord

PLAN = RunPlan(Path("project"), "python")


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_an_empty_line_sets_the_runs_apart_from_what_follows(kind: Callable[[TextIO], Progress]) -> None:
    stream = StringIO()
    progress = kind(stream)
    for title in ("serial", "serial again"):
        progress.run_started(title, PLAN)
        progress.run_finished(title, RunRecord(), "")
    progress.close()
    progress.close()

    assert stream.getvalue() == "[ 1] serial: 0 tests, 0.00 s\n[ 2] serial again: 0 tests, 0.00 s\n\n"


@pytest.mark.parametrize("kind", [PlainProgress, LiveProgress])
def test_where_no_run_was_told_of_nothing_is_set_apart(kind: Callable[[TextIO], Progress]) -> None:
    stream = StringIO()
    progress = kind(stream)
    progress.run_started("run", PLAN)
    progress.close()

    assert stream.getvalue().strip("\n ") == ""
    assert "[ 1]" not in stream.getvalue()


def test_where_only_data_is_wanted_nothing_is_printed() -> None:
    stream = StringIO()
    progress = new_progress(quiet=True, stream=stream)
    progress.run_started("serial", PLAN)
    progress.run_finished("serial", RunRecord(), "")
    progress.close()

    assert stream.getvalue() == ""


def test_a_stream_that_takes_nothing_is_done_without() -> None:
    class Full(StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    progress = PlainProgress(Full())
    progress.run_started("serial", PLAN)
    progress.run_finished("serial", RunRecord(), "")
    progress.close()
