"""The table of coverage over runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from isolane.coverage_data.report import CoverageTotals
from isolane.coverage_data.trend import KEEP, add_to_trend
from isolane.model.errors import RecordError


def totals(percent: float, *, fail_under: float = 0.0, precision: int = 0) -> CoverageTotals:
    return CoverageTotals(percent, 200, round(2 * percent), 20, 10, fail_under, precision)


def rows(path: Path) -> list[str]:
    return path.read_text().split("|---|---|---|---|---|---|\n")[1].splitlines()


@pytest.mark.req("R3.2")
def test_newest_run_is_on_top(tmp_path: Path) -> None:
    trend = tmp_path / "reports" / "trend.md"
    add_to_trend(trend, totals(90.0), now=0.0, revision=None, files=3)
    add_to_trend(trend, totals(91.5), now=86400.0, revision="0123456789abcdef", files=2)

    assert rows(trend) == [
        "| 1970-01-02 00:00:00 | 0123456789ab | 91.50 % | 183 of 200 | 10 of 20 | 2 |",
        "| 1970-01-01 00:00:00 | none | 90.00 % | 180 of 200 | 10 of 20 | 3 |",
    ]
    assert trend.read_text().count("| run (UTC) |") == 1
    assert list(trend.parent.iterdir()) == [trend]


@pytest.mark.req("R3.2")
def test_only_the_last_runs_are_kept(tmp_path: Path) -> None:
    trend = tmp_path / "trend.md"
    for second in range(KEEP + 3):
        add_to_trend(trend, totals(50.0), now=float(second), revision=None, files=1)

    assert len(rows(trend)) == KEEP
    assert rows(trend)[0].startswith("| 1970-01-01 00:03:22 ")
    assert rows(trend)[-1].startswith("| 1970-01-01 00:00:03 ")


def test_a_trend_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file where a directory should be")

    with pytest.raises(RecordError, match=r"trend\.md could not be written"):
        add_to_trend(tmp_path / "reports" / "trend.md", totals(1.0), now=0.0, revision=None, files=1)


@pytest.mark.parametrize(
    ("percent", "threshold", "precision", "enough"),
    [
        (90.0, 90, 0, True),
        (89.6, 90, 0, True),
        (89.6, 90, 1, False),
        (89.4, 90, 0, False),
        (99.9, 100, 0, False),
        (100.0, 100, 0, True),
        (0.0, 0, 0, True),
    ],
)
@pytest.mark.req("R3.1")
def test_threshold(percent: float, threshold: float, precision: int, enough: bool) -> None:
    assert totals(percent, fail_under=threshold, precision=precision).is_enough is enough
