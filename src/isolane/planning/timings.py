"""What the timings of runs say: before and after, and whether a run was slower than it used to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from isolane.model.events import RunFinished, RunStarted

REGRESSION = 1.20
"""A run is marked when it took over this times the median of those it is held against."""
COMPARED = 10
_SIMILAR = 0.10


@dataclass(frozen=True)
class TimedRun:
    """A run that came to its end."""

    header: RunStarted
    end: RunFinished

    @property
    def key(self) -> tuple[str, ...]:
        """Return what must be the same for two runs to be compared: which tests were asked for."""
        return self.header.positional


@dataclass(frozen=True)
class TimingRow:
    """A parallel run. before: seconds of the newest serial run before it, None where there is none.

    slower: by how much it is over the median of the last ten like it (as many workers, of the same engine), None where
    that is no regression.
    """

    run: TimedRun
    before: float | None
    slower: float | None

    @property
    def speed_up(self) -> float | None:
        """Return how many times faster it was than the serial run."""
        return self.before / self.run.end.seconds if self.before and self.run.end.seconds else None


def timing_rows(runs: Sequence[TimedRun]) -> list[TimingRow]:
    """Return a row for each parallel run, newest first. runs: serial and parallel ones, newest first."""
    rows = []
    for position, run in enumerate(runs):
        if not run.header.workers:
            continue
        earlier = runs[position + 1 :]
        serial = [one for one in earlier if not one.header.workers and alike(one, run)]
        peers = [one for one in earlier if _ran_the_same_way(one, run) and alike(one, run)][:COMPARED]
        slower = None
        usual = median(one.end.seconds for one in peers) if peers else 0.0
        if usual:
            share = run.end.seconds / usual
            slower = share - 1 if share > REGRESSION else None
        rows.append(TimingRow(run, serial[0].end.seconds if serial else None, slower))
    return rows


def alike(one: TimedRun, other: TimedRun) -> bool:
    """Return whether two runs are of the same tests, give or take a few that came or went."""
    most = max(one.end.tests, other.end.tests)
    return one.key == other.key and abs(one.end.tests - other.end.tests) <= _SIMILAR * most


def _ran_the_same_way(one: TimedRun, other: TimedRun) -> bool:
    return (one.header.workers, one.header.engine) == (other.header.workers, other.header.engine)
