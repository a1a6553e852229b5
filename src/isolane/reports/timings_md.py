"""``reports/ci_timings.md``: a row for each parallel run, newest first."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timezone

from isolane.planning.timings import TimingRow
from isolane.reports.figures import seconds_text

KEEP_ROWS = 200
_COLUMNS = (
    "when (UTC)", "revision", "workers", "dist", "tests", "start", "import and collection", "running tests",
    "teardown", "reporting", "after (this run)", "before (serial)", "speed-up", "remark", "run",
)  # fmt: skip
_ROW = re.compile(r"^\| \d{4}-\d\d-\d\d .*\| (?P<run>[^| ]+) \|$", re.MULTILINE)
_WHEN_WIDTH = len("| 2026-01-02 03:04:05")


def timings_page(rows: Sequence[TimingRow], earlier: str = "") -> str:
    """Return the page. earlier: the page as it was.

    A row that is there already stays as it is: the runs it was held against may no longer be kept.
    """
    lines = {match["run"]: match[0] for match in _ROW.finditer(earlier)}
    for row in rows:
        lines.setdefault(row.run.header.run_id, timing_line(row))
    # Run ids tell runs of one second apart; a row's other cells must not.
    newest_first = sorted(lines, key=lambda run: (lines[run][:_WHEN_WIDTH], run), reverse=True)
    return "\n".join(
        [
            "# Timings of parallel runs",
            "",
            "Each row is a parallel run, newest first, with the serial run before it. Phases in seconds. A run is",
            "marked `slower` when it took over 20% more than the median of the last ten like it.",
            "",
            *table_head(),
            *(lines[run] for run in newest_first[:KEEP_ROWS]),
            "",
        ]
    )


def table_head() -> tuple[str, str]:
    """Return the two lines that open the table."""
    return f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS)


def timing_line(row: TimingRow) -> str:
    """Return a run's row."""
    header, end = row.run.header, row.run.end
    phases = (end.phases.get(name, 0.0) for name in ("start", "collection", "tests", "teardown", "reporting"))
    cells = (
        datetime.fromtimestamp(header.at, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S"),
        (header.revision or "")[:12],
        f"{header.workers} {header.engine}",
        header.dist,
        str(end.tests),
        *(f"{seconds:.2f}" for seconds in phases),
        f"{end.seconds:.2f}",
        f"{row.before:.2f}" if row.before else "",
        f"{row.speed_up:.2f} ×" if row.speed_up else "",
        f"**slower: +{row.slower:.0%}**" if row.slower else "",
        header.run_id,
    )
    return f"| {' | '.join(cells)} |"


def timing_sentence(row: TimingRow) -> str:
    """Return a run in a line for a log: before and after."""
    header, end = row.run.header, row.run.end
    text = f"{end.tests} tests in {seconds_text(end.seconds)} on {header.workers} worker"
    text += "" if header.workers == 1 else "s"
    if row.before and row.speed_up:
        text += f"; serial before: {seconds_text(row.before)} ({row.speed_up:.2f} × as fast)"
    else:
        text += "; no serial run on record to compare with"
    return text + (f"; slower than the last runs by {row.slower:.0%}" if row.slower else "")
