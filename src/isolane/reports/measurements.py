"""What repeated runs measured, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from isolane.model.measurements import BenchResult, StressedTest, StressResult
from isolane.reports.figures import seconds_text
from isolane.statistics.flake_rate import clopper_pearson, upper_bound_without_failure


def stress_lines(result: StressResult) -> Iterator[str]:
    """Yield what N runs say: first the suite, then each test that failed, broken apart from flaky."""
    engine = f"{result.workers} workers" if result.workers else "one process"
    runs = f"{result.runs} run{'s' if result.runs != 1 else ''}"
    yield f"{runs} of {result.tests} tests in {engine}, {seconds_text(result.seconds)}: {result.failed_runs} failed."
    yield from (f"  {death}" for death in result.deaths)
    for title, tests in (
        ("Flaky", [one for one in result.misbehaving if not one.is_broken]),
        ("Broken (failed every time)", [one for one in result.misbehaving if one.is_broken]),
    ):
        if tests:
            yield f"{title}:"
            yield from (_test_line(one) for one in tests)
    if result.passed:
        bound = upper_bound_without_failure(result.runs)
        yield (
            f"No test failed. That does not say 'stable': a test that fails in up to {bound:.0%} of runs may well "
            f"pass {result.runs} times (95% bound)."
        )


def _test_line(test: StressedTest) -> str:
    if test.is_broken:
        return f"  {test.node_id}: {test.failures} of {test.runs}"
    low, high = clopper_pearson(test.failures, test.runs)
    return f"  {test.node_id}: {test.failures} of {test.runs} (flake rate {low:.1%} to {high:.1%}, 95% interval)"


def stress_as_data(result: StressResult) -> dict[str, Any]:
    """Return the result as what JSON can hold."""
    data = asdict(result)
    data["passed"] = result.passed
    data["upper_bound"] = upper_bound_without_failure(result.runs) if result.passed else None
    for test in data["misbehaving"]:
        test["interval"] = clopper_pearson(test["failures"], test["runs"])
    return data


def bench_lines(result: BenchResult) -> Iterator[str]:
    """Yield a table: each worker count against serial."""
    yield f"{result.tests} tests, medians of {result.pairs} pairs; serial {seconds_text(result.serial_seconds)}"
    yield f"{'workers':>7} {'time':>10} {'time / serial':>14} {'smallest':>9} {'largest':>9}"
    for row in result.rows:
        low, middle, high = row.ratios
        yield f"{row.workers:>7} {seconds_text(row.seconds):>10} {middle:>14.2f} {low:>9.2f} {high:>9.2f}"
    yield f"Timings: {result.page}"


def bench_as_data(result: BenchResult) -> dict[str, Any]:
    """Return the result as what JSON can hold."""
    return {**asdict(result), "page": str(result.page)}
