"""What repeated runs measured: how often tests failed, how long runs took."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StressedTest:
    """A test that did not pass in every run. runs: how often it ran. outcomes: how often it ended how."""

    node_id: str
    failures: int
    runs: int
    outcomes: dict[str, int]

    @property
    def is_broken(self) -> bool:
        """Return whether it failed every time: that is not flaky."""
        return self.failures == self.runs


@dataclass(frozen=True)
class StressResult:
    """N runs. failed_runs: those with a failure. deaths: how runs ended that did not come to their end."""

    runs: int
    workers: int
    tests: int
    failed_runs: int
    misbehaving: tuple[StressedTest, ...]
    deaths: tuple[str, ...]
    seconds: float
    run_ids: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether no run had a failure."""
        return self.failed_runs == 0 and not self.deaths


@dataclass(frozen=True)
class BenchRow:
    """One worker count against serial: medians in seconds, ratio of each pair, smallest, median, largest."""

    workers: int
    seconds: float
    serial_seconds: float
    ratios: tuple[float, float, float]


@dataclass(frozen=True)
class BenchResult:
    """All rows. tests: how many ran in the serial runs. page: where the timings are written."""

    tests: int
    pairs: int
    serial_seconds: float
    rows: tuple[BenchRow, ...]
    page: Path
