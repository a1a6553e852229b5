"""What bench says, in words and as data."""

from __future__ import annotations

import json
from pathlib import Path

from isolane.model.measurements import BenchResult, BenchRow
from isolane.reports.measurements import bench_as_data, bench_lines


def benched(page: Path) -> BenchResult:
    rows = (BenchRow(2, "fork", 11.5, 20.0, (0.5, 0.575, 0.75)), BenchRow(16, "xdist", 125.0, 20.0, (5.0, 6.25, 12.0)))
    return BenchResult(tests=40, pairs=3, serial_seconds=20.0, rows=rows, page=page)


def test_bench_is_a_table_of_each_worker_count_against_serial(tmp_path: Path) -> None:
    assert list(bench_lines(benched(tmp_path / "page.md"))) == [
        "40 tests, medians of 3 pairs; serial 20.0 s",
        "workers engine       time  time / serial  smallest   largest",
        "      2 fork       11.5 s           0.57      0.50      0.75",
        "     16 xdist  2 min 05 s           6.25      5.00     12.00",
        f"Timings: {tmp_path / 'page.md'}",
    ]


def test_bench_as_data(tmp_path: Path) -> None:
    data = json.loads(json.dumps(bench_as_data(benched(tmp_path / "page.md"))))

    assert data["page"] == str(tmp_path / "page.md")
    assert data["rows"][0] == {
        "workers": 2,
        "engine": "fork",
        "seconds": 11.5,
        "serial_seconds": 20.0,
        "ratios": [0.5, 0.575, 0.75],
    }
