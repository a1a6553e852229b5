"""``isolane combine``: coverage data of workers, sessions and subprocesses into one file, reported and judged."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

from isolane.coverage_data.combine import combine_data
from isolane.coverage_data.files import find_data_files, is_torn
from isolane.coverage_data.report import CoverageTotals, write_reports
from isolane.coverage_data.trend import add_to_trend
from isolane.history.revision import git_revision
from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import ExitCode, UsageError

DATA_FILE = ".coverage"
REPORTS = Path("reports", "coverage")


@dataclass(frozen=True)
class Combined:
    """What was done. merged: the files that went in. totals: None where no report was asked for."""

    data_file: Path
    merged: tuple[Path, ...]
    totals: CoverageTotals | None = None
    torn: tuple[Path, ...] = ()
    """Files that were left out because their process was killed while it wrote them."""

    @property
    def exit_code(self) -> ExitCode:
        """Return FAILED where the merged data is below the threshold."""
        enough = self.totals is None or self.totals.is_enough
        return ExitCode.OK if enough else ExitCode.FAILED

    def __str__(self) -> str:
        """Return one line: what was merged, and the verdict on it."""
        count = len(self.merged)
        said = f"{self.data_file}: {count} data file{'s' if count != 1 else ''} combined"
        if self.torn:
            said += f" ({len(self.torn)} left out, torn: its process was killed: {self.torn[0].name})"
        if self.totals is None:
            return f"{said}."
        said += f", {self.totals.percent:.2f} % covered"
        if not self.totals.fail_under:
            return f"{said}."
        return (
            f"{said}, {'at least' if self.totals.is_enough else 'below'} the threshold of {self.totals.fail_under:g} %."
        )


def combine(
    directory: Path | None = None,
    data_file: Path | None = None,
    *,
    keep: bool = False,
    report: bool = True,
    reports: Path = REPORTS,
    stream: TextIO | None = None,
    clock: Clock | None = None,
) -> Combined:
    """Merge a directory's coverage data into ``data_file``; then report, and hold it against the threshold.

    data_file: as COVERAGE_FILE says if not given, else ``.coverage``. directory: the data file's own if not
    given; another one's files are all taken for coverage data. keep: leave the merged files. reports: where
    ``html/``, ``coverage.json`` and ``trend.md`` go. stream: where the text report goes, standard output if not
    given. The configuration, [paths] and fail_under too, is that of coverage in the current directory.

    Raises :class:`UsageError` where there is no data, or no coverage to read it with, :class:`RecordError` for a
    file that cannot be read (nothing is changed then).
    """
    if find_spec("coverage") is None:
        raise UsageError(
            "no-coverage",
            "coverage is not installed beside isolane.",
            f"Install it: {sys.executable} -m pip install 'coverage>=7.10'",
        )
    target = data_file or Path(os.environ.get("COVERAGE_FILE") or DATA_FILE)
    place = directory or target.parent
    torn = tuple(path for path in find_data_files(place, target) if path.stat().st_size and is_torn(path))
    merged = combine_data(place, target, keep=keep)
    if not report:
        return Combined(target, tuple(merged), torn=torn)
    totals = write_reports(target, reports, stream or sys.stdout)
    add_to_trend(
        reports / "trend.md",
        totals,
        now=(clock or SystemClock()).now(),
        revision=git_revision(Path.cwd()),
        files=len(merged),
    )
    return Combined(target, tuple(merged), totals, torn)
