"""The page of timings: a row for each parallel run, kept over the runs themselves."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.model.event_samples import run_finished, run_started

from isolane.model.events import RunFinished
from isolane.planning.timings import TimedRun, TimingRow, timing_rows
from isolane.reports.timings_md import KEEP_ROWS, table_head, timing_line, timing_sentence, timings_page

NOON = 1_767_355_200.0  # 2026-01-02 12:00:00 UTC


def parallel(run_id: str, at: float = NOON, seconds: float = 8.0, tests: int = 40, **header: Any) -> TimedRun:
    header = {"workers": 2, "engine": "fork", "dist": "loadscope", "label": "parallel", **header}
    return TimedRun(run_started(run_id=run_id, at=at, **header), run_finished(seconds, tests=tests))


def row(run_id: str, at: float = NOON, before: float | None = None, slower: float | None = None) -> TimingRow:
    return TimingRow(parallel(run_id, at), before, slower)


def run_ids(page: str) -> list[str]:
    """Return the run of each row, from the top."""
    return [line.split(" | ")[-1].removesuffix(" |") for line in page.splitlines() if line.startswith("| 20")]


@pytest.mark.req("R5.2")
def test_a_row_has_time_workers_tests_phases_and_before_and_after() -> None:
    phases = {"start": 0.5, "collection": 1.25, "tests": 6.0, "teardown": 0.125, "reporting": 0.125}
    run = TimedRun(
        run_started(run_id="r1", at=NOON, workers=4, engine="xdist", dist="loadfile"),
        RunFinished(NOON + 8, 0, phases, {"passed": 40}),
    )

    assert timing_line(TimingRow(run, 20.0, 0.314)) == (
        "| 2026-01-02 12:00:00 | 0123456789ab | 4 xdist | loadfile | 40 | 0.50 | 1.25 | 6.00 | 0.12 | 0.12 | 8.00 "
        "| 20.00 | 2.50 × | **slower: +31%** | r1 |"
    )


def test_what_is_not_known_is_empty() -> None:
    line = timing_line(TimingRow(parallel("r1", revision=None), None, None))

    cells = "2 fork | loadscope | 40 | 0.00 | 0.00 | 8.00 | 0.00 | 0.00 | 8.00 |  |  | "
    assert line == f"| 2026-01-02 12:00:00 |  | {cells} | r1 |"


def test_the_head_fits_the_rows() -> None:
    head, rule = table_head()

    assert head.strip("| ").split(" | ") == [
        *("when (UTC)", "revision", "workers", "dist", "tests", "start", "import and collection", "running tests"),
        *("teardown", "reporting", "after (this run)", "before (serial)", "speed-up", "remark", "run"),
    ]
    assert head.count("|") == rule.count("|") == timing_line(row("r1")).count("|")


@pytest.mark.req("R5.2")
def test_rows_are_newest_first() -> None:
    page = timings_page([row("r1", NOON), row("r3", NOON + 120), row("r2", NOON + 60)])

    assert run_ids(page) == ["r3", "r2", "r1"]


def test_runs_of_one_second_are_told_apart_by_their_ids() -> None:
    older = TimingRow(parallel("20260102T120000.100000-parallel-ffffff", NOON + 0.1, revision="f" * 40), None, None)
    newer = TimingRow(parallel("20260102T120000.900000-bench-000000", NOON + 0.9, revision="0" * 40), None, None)

    assert run_ids(timings_page([older, newer])) == [newer.run.header.run_id, older.run.header.run_id]


@pytest.mark.req("R5.2")
def test_rows_of_runs_that_are_no_longer_kept_stay() -> None:
    earlier = timings_page([row("r1", NOON), row("r2", NOON + 60)])

    page = timings_page([row("r3", NOON + 120)], earlier)

    assert run_ids(page) == ["r3", "r2", "r1"]
    assert [line for line in page.splitlines() if line.endswith("| r1 |")] == [timing_line(row("r1", NOON))]


@pytest.mark.req("R5.2")
def test_a_row_keeps_its_mark_when_the_runs_that_it_was_held_against_have_gone() -> None:
    serial = TimedRun(run_started(run_id="s"), run_finished(30.0, tests=40))
    slow, quick = parallel("r2", NOON + 60, seconds=20.0), parallel("r1", NOON, seconds=10.0)
    earlier = timings_page(timing_rows([slow, quick, serial]))
    assert "**slower: +100%** | r2 |" in earlier

    assert timings_page(timing_rows([slow]), earlier) == earlier


def test_the_page_of_the_same_runs_is_the_same_page() -> None:
    rows = [row("r2", NOON + 60, 12.5, 0.5), row("r1", NOON)]
    page = timings_page(rows)

    assert timings_page(rows, page) == page
    assert timings_page([], page) == page
    assert page.endswith(" |\n")
    assert page.startswith("# Timings of parallel runs\n")


@pytest.mark.req("R5.2")
def test_two_hundred_rows_are_kept_and_the_oldest_go() -> None:
    assert KEEP_ROWS == 200
    earlier = timings_page([row(f"r{number:03}", NOON + number) for number in range(200)])
    assert len(run_ids(earlier)) == 200

    page = timings_page([row(f"r{number:03}", NOON + number) for number in range(200, 203)], earlier)

    assert run_ids(page) == [f"r{number:03}" for number in range(202, 2, -1)]


def test_a_page_that_somebody_else_wrote_is_written_anew() -> None:
    page = timings_page([row("r1")], "# Something else\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")

    assert run_ids(page) == ["r1"]
    assert "Something else" not in page


def test_a_sentence_for_the_log() -> None:
    assert timing_sentence(TimingRow(parallel("r1", seconds=8.0), 20.0, None)) == (
        "40 tests in 8.00 s on 2 workers; serial before: 20.0 s (2.50 × as fast)"
    )
    assert timing_sentence(TimingRow(parallel("r1", workers=1), None, 0.25)) == (
        "40 tests in 8.00 s on 1 worker; no serial run on record to compare with; slower than the last runs by 25%"
    )
