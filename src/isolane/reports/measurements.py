"""What paired runs measured, in words and as data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from isolane.model.measurements import BenchResult
from isolane.reports.figures import seconds_text


def bench_lines(result: BenchResult) -> Iterator[str]:
    """Yield a table: each worker count against serial."""
    yield f"{result.tests} tests, medians of {result.pairs} pairs; serial {seconds_text(result.serial_seconds)}"
    yield f"{'workers':>7} {'engine':<6} {'time':>10} {'time / serial':>14} {'smallest':>9} {'largest':>9}"
    for row in result.rows:
        low, middle, high = row.ratios
        ratios = f"{middle:>14.2f} {low:>9.2f} {high:>9.2f}"
        yield f"{row.workers:>7} {row.engine:<6} {seconds_text(row.seconds):>10} {ratios}"
    yield f"Timings: {result.page}"


def bench_as_data(result: BenchResult) -> dict[str, Any]:
    """Return the result as what JSON can hold."""
    return {**asdict(result), "page": str(result.page)}
