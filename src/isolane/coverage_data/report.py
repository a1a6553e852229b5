"""What merged coverage data says: totals, the text and HTML reports, the threshold."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from isolane.coverage_data.combine import open_coverage
from isolane.model.errors import RecordError


@dataclass(frozen=True)
class CoverageTotals:
    """All measured files together. percent: of lines and branches as coverage counts them, 0 to 100.

    fail_under: the threshold in percent, 0 for none.
    """

    percent: float
    lines: int
    covered_lines: int
    branches: int
    covered_branches: int
    fail_under: float
    precision: int

    @property
    def is_enough(self) -> bool:
        """Whether the threshold is met, by coverage's own rule: rounded as shown, but 100 means all of it."""
        if self.fail_under == 100:
            return self.percent == 100
        return round(self.percent, self.precision) >= self.fail_under


def write_reports(data_file: Path, directory: Path, stream: TextIO) -> CoverageTotals:
    """Print the report to ``stream``, write ``html/`` and ``coverage.json`` into the directory, return the totals.

    Configuration is the project's own (the current directory's). Raises :class:`RecordError` where the data
    does not fit the sources, or a report cannot be written.
    """
    from coverage.exceptions import CoverageException

    measurement = open_coverage(data_file)
    figures = directory / "coverage.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        measurement.load()
        measurement.report(file=stream)
        measurement.html_report(directory=str(directory / "html"))
        measurement.json_report(outfile=str(figures))
        measurement.get_data().close()
        totals = json.loads(figures.read_text(encoding="utf-8"))["totals"]
    except (CoverageException, OSError) as error:
        raise RecordError("coverage-not-reported", f"Coverage could not be reported: {error}") from None
    threshold, precision = (measurement.get_option(f"report:{name}") for name in ("fail_under", "precision"))
    return CoverageTotals(
        percent=totals["percent_covered"],
        lines=totals["num_statements"],
        covered_lines=totals["covered_lines"],
        branches=totals.get("num_branches", 0),
        covered_branches=totals.get("covered_branches", 0),
        fail_under=float(str(threshold or 0)),
        precision=int(str(precision or 0)),
    )
