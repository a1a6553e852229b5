"""What stress and bench say, in words and as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isolane.model.measurements import BenchResult, BenchRow, StressedTest, StressResult
from isolane.reports.measurements import bench_as_data, bench_lines, stress_as_data, stress_lines
from isolane.statistics.flake_rate import clopper_pearson, upper_bound_without_failure

FLAKY = StressedTest("a.py::test_flaky", 3, 20, {"passed": 17, "failed (KeyError)": 3})
BROKEN = StressedTest("a.py::test_broken", 20, 20, {"failed (KeyError)": 20})


def stressed(**changed: Any) -> StressResult:
    values: dict[str, Any] = {
        "runs": 20,
        "workers": 4,
        "tests": 40,
        "failed_runs": 0,
        "misbehaving": (),
        "deaths": (),
        "seconds": 75.0,
        "run_ids": ("r1", "r2"),
        **changed,
    }
    return StressResult(**values)


def test_clean_runs_say_what_they_leave_possible() -> None:
    # 1 − 0.05^(1/20) = 13.9%
    assert list(stress_lines(stressed())) == [
        "20 runs of 40 tests in 4 workers, 1 min 15 s: 0 failed.",
        "No test failed. That does not say 'stable': a test that fails in up to 14% of runs may well pass 20 times "
        "(95% bound).",
    ]


def test_one_run_in_one_process() -> None:
    assert next(stress_lines(stressed(runs=1, workers=0))) == "1 run of 40 tests in one process, 1 min 15 s: 0 failed."


def test_flaky_tests_stand_apart_from_broken_ones() -> None:
    lines = list(stress_lines(stressed(failed_runs=20, misbehaving=(BROKEN, FLAKY))))

    # the exact interval of 3 in 20: 0.0321 to 0.3789
    assert lines == [
        "20 runs of 40 tests in 4 workers, 1 min 15 s: 20 failed.",
        "Flaky:",
        "  a.py::test_flaky: 3 of 20 (flake rate 3.2% to 37.9%, 95% interval)",
        "Broken (failed every time):",
        "  a.py::test_broken: 20 of 20",
    ]


def test_a_run_that_died_is_told_and_says_nothing_of_stability() -> None:
    result = stressed(failed_runs=1, deaths=("run 3 of 20: the process was killed by SIGKILL",))

    assert not result.passed
    assert list(stress_lines(result))[1:] == ["  run 3 of 20: the process was killed by SIGKILL"]


@pytest.mark.parametrize(
    ("changed", "passed"),
    [({}, True), ({"failed_runs": 1}, False), ({"deaths": ("one",)}, False)],
)
def test_passed_is_without_failure_and_without_death(changed: dict[str, Any], passed: bool) -> None:
    assert stressed(**changed).passed is passed


def test_stress_as_data() -> None:
    data = json.loads(json.dumps(stress_as_data(stressed(failed_runs=20, misbehaving=(FLAKY, BROKEN)))))

    assert data["passed"] is False
    assert data["upper_bound"] is None
    assert data["run_ids"] == ["r1", "r2"]
    assert data["misbehaving"] == [
        {
            "node_id": "a.py::test_flaky",
            "failures": 3,
            "runs": 20,
            "outcomes": {"passed": 17, "failed (KeyError)": 3},
            "interval": list(clopper_pearson(3, 20)),
        },
        {
            "node_id": "a.py::test_broken",
            "failures": 20,
            "runs": 20,
            "outcomes": {"failed (KeyError)": 20},
            "interval": list(clopper_pearson(20, 20)),
        },
    ]


def test_clean_stress_as_data() -> None:
    data = stress_as_data(stressed())

    assert data["passed"] is True
    assert data["upper_bound"] == upper_bound_without_failure(20)
    assert data["misbehaving"] == ()


def benched(page: Path) -> BenchResult:
    rows = (BenchRow(2, 11.5, 20.0, (0.5, 0.575, 0.75)), BenchRow(16, 125.0, 20.0, (5.0, 6.25, 12.0)))
    return BenchResult(tests=40, pairs=3, serial_seconds=20.0, rows=rows, page=page)


def test_bench_is_a_table_of_each_worker_count_against_serial(tmp_path: Path) -> None:
    assert list(bench_lines(benched(tmp_path / "page.md"))) == [
        "40 tests, medians of 3 pairs; serial 20.0 s",
        "workers       time  time / serial  smallest   largest",
        "      2     11.5 s           0.57      0.50      0.75",
        "     16 2 min 05 s           6.25      5.00     12.00",
        f"Timings: {tmp_path / 'page.md'}",
    ]


def test_bench_as_data(tmp_path: Path) -> None:
    data = json.loads(json.dumps(bench_as_data(benched(tmp_path / "page.md"))))

    assert data["page"] == str(tmp_path / "page.md")
    assert data["rows"][0] == {"workers": 2, "seconds": 11.5, "serial_seconds": 20.0, "ratios": [0.5, 0.575, 0.75]}
