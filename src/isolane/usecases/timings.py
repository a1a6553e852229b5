"""Writes ``reports/ci_timings.md`` from the runs on record."""

from __future__ import annotations

from pathlib import Path

from isolane.history.runs import summaries, write_whole
from isolane.planning.timings import TimedRun, TimingRow, timing_rows
from isolane.reports.timings_md import table_head, timing_line, timings_page
from isolane.usecases.actions import add_to_summary

FILE_NAME = "ci_timings.md"
_LABELS = frozenset({"serial", "parallel", "bench"})


def timed_runs(root: Path) -> list[TimedRun]:
    """Return the whole runs of the suite that came to their end, newest first."""
    return [
        TimedRun(one.header, one.end)
        for one in summaries(root)
        if one.end is not None and one.header.label in _LABELS and one.end.exit_code in (0, 1)
    ]


def write_timings(root: Path, reports: Path, run_id: str | None = None, *, summarizes: bool = True) -> TimingRow | None:
    """Write the page anew and return the row of a run (the newest if not named), None where it has none.

    root: where ``.isolane`` is. In GitHub Actions that row also goes to the step's summary, if ``summarizes`` says so.
    Raises OSError.
    """
    rows = timing_rows(timed_runs(root))
    if not rows:
        return None
    path = reports / FILE_NAME
    earlier = path.read_text(encoding="utf-8") if path.is_file() else ""
    write_whole(path, timings_page(rows, earlier))
    asked = next((row for row in rows if run_id in (None, row.run.header.run_id)), None)
    if summarizes and asked is not None:
        add_to_summary("\n".join((*table_head(), timing_line(asked), "")))
    return asked
