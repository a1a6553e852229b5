"""What repeated runs measured: how often tests failed, how long runs took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isolane.model.stress import Behaviour


@dataclass(frozen=True)
class StressedTest:
    """A test that did not pass in every run. runs: how often it ran. outcomes: how often it ended how.

    replay: the command that shows the first failure again, in one process. alone, elsewhere, by_itself: as in a
    :class:`~isolane.model.stress.Tally`.
    """

    node_id: str
    failures: int
    runs: int
    outcomes: Mapping[str, int]
    behaviour: Behaviour = Behaviour.FLAKY
    replay: str = ""
    alone: tuple[int, int] = (0, 0)
    elsewhere: tuple[int, int] = (0, 0)
    by_itself: tuple[int, int] = (0, 0)
    quarantined: bool = False

    @property
    def is_broken(self) -> bool:
        """Return whether it failed every time: that is not flaky."""
        return self.behaviour is Behaviour.BROKEN


@dataclass(frozen=True)
class StressResult:
    """N runs.

    failed_runs: those with a failure of a test that is not quarantined. deaths: how runs ended that did not come to
    their end. forked: each run was made by one worker, in a fork of what was collected once. note: why not, where it
    was not to be expected. varied: each run had an order and a seed of its own. rate: what each test's flake rate was
    to be under.
    """

    runs: int
    workers: int
    tests: int
    failed_runs: int
    misbehaving: tuple[StressedTest, ...]
    deaths: tuple[str, ...]
    seconds: float
    run_ids: tuple[str, ...]
    forked: bool = False
    note: str = ""
    varied: bool = False
    rate: float | None = None

    @property
    def passed(self) -> bool:
        """Return whether no run had a failure."""
        return self.failed_runs == 0 and not self.deaths


@dataclass(frozen=True)
class BenchRow:
    """One worker count against serial: medians in seconds, ratio of each pair, smallest, median, largest.

    engine: what ran the workers, as the first of its runs says.
    """

    workers: int
    engine: str
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


@dataclass(frozen=True)
class AgainstRow:
    """A checkout against another revision at one worker count; 0 is serial.

    seconds, their_seconds: medians. ratio: of this checkout's time to the other's: low end, middle, high end of what it
    probably is (95 %). verdict: ``faster``, ``slower`` or ``no difference``.
    """

    workers: int
    seconds: float
    their_seconds: float
    ratio: tuple[float, float, float]
    verdict: str


@dataclass(frozen=True)
class AgainstResult:
    """All rows. revision: as it was asked for. commit: its hash. tests, their_tests: how many ran."""

    revision: str
    commit: str
    tests: int
    their_tests: int
    pairs: int
    threshold: float
    rows: tuple[AgainstRow, ...]
