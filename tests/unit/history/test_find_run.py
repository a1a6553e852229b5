"""A run is found by what a person has of its name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.unit.model.event_samples import run_finished, run_started

from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import find_run, runs_directory
from isolane.model.errors import UsageError

FIRST, SECOND, REPLAY = "20260101T01-parallel-aa", "20260101T02-parallel-bb", "20260102T03-replay-cc"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, workers in ((FIRST, 2), (SECOND, 2), (REPLAY, 0)):
        log = EventLogWriter(runs_directory(tmp_path) / name / FILE_NAME)
        log.write(run_started(run_id=name, workers=workers))
        log.write(run_finished())
        log.close()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [(FIRST, FIRST), ("20260101T02", SECOND), ("20260102", REPLAY), ("last", SECOND)],
    ids=["id", "beginning", "short beginning", "last"],
)
def test_a_run_has_several_names(name: str, found: str, checkout: Path) -> None:
    assert find_run(checkout, name).header.run_id == found


def test_it_is_found_from_a_folder_below(checkout: Path) -> None:
    below = checkout / "tests" / "unit"
    below.mkdir(parents=True)

    assert find_run(below, "last").directory == runs_directory(checkout) / SECOND


def test_a_directory_may_be_anywhere(checkout: Path, tmp_path: Path) -> None:
    os.renames(runs_directory(checkout) / FIRST, tmp_path / "artifact" / "run")

    assert find_run(checkout, str(tmp_path / "artifact" / "run")).header.run_id == FIRST


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("20260101", f"2 runs begin with '20260101' in {{runs}}. The newest of them: {SECOND}."),
        ("nope", "There is no run 'nope' in {runs}. last is the newest run over workers."),
        ("", "There is no run '' in {runs}."),
    ],
)
def test_what_names_no_run_or_several_is_a_usage_error(name: str, said: str, checkout: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_run(checkout, name)

    assert said.format(runs=runs_directory(checkout)) in str(caught.value)


def test_where_nothing_had_workers_there_is_no_last(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No run over workers is on record in .* Make one: pytest -n 2"):
        find_run(tmp_path, "last")


def test_a_directory_with_another_file_of_that_name_is_no_run(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / FILE_NAME).write_text("{}\n", encoding="utf-8")

    with pytest.raises(UsageError, match="holds no run's record"):
        find_run(checkout, str(tmp_path / "other"))
