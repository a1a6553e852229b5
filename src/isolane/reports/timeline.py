"""Who ran what, and when: bars of a run, a row for each worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from isolane.model.events import Event, RunFinished, RunStarted, TestFinished, TestStarted


@dataclass(frozen=True)
class Bar:
    """A test, from when to when, in seconds since the run began. outcome: as it is written."""

    test: str
    start: float
    end: float
    outcome: str
    is_bad: bool


@dataclass(frozen=True)
class Timeline:
    """A run's bars by worker. seconds: from the process's start to its end. before: when the first test began."""

    name: str
    rows: Mapping[str, Sequence[Bar]]
    seconds: float
    before: float

    @property
    def limit(self) -> float:
        """Return how short the run could have been: all that is before the tests, and these shared out evenly.

        No less than the longest test: it cannot be cut.
        """
        bars = [bar for row in self.rows.values() for bar in row]
        if not bars:
            return self.seconds
        lengths = [bar.end - bar.start for bar in bars]
        return self.before + max(sum(lengths) / len(self.rows), *lengths)


def timeline_of(name: str, events: Iterable[Event]) -> Timeline | None:
    """Return a run's timeline, None where it never came to a test."""
    began = ended = 0.0
    started: dict[str, float] = {}
    rows: dict[str, list[Bar]] = {}
    for one in events:
        if isinstance(one, RunStarted):
            began = one.process_started
        elif isinstance(one, RunFinished):
            ended = one.at - began
        elif isinstance(one, TestStarted) and one.worker:  # without a worker nobody was there when it started
            started[one.node_id] = one.at
        elif isinstance(one, TestFinished):
            row = rows.setdefault(one.worker, [])
            seconds = one.setup + one.call + one.teardown
            start = started.pop(one.node_id, one.at - seconds) - began
            if row:  # what is heard of late is drawn no earlier than it can have been
                start = max(start, row[-1].end)
            row.append(Bar(one.node_id, start, start + seconds, str(one.outcome), one.outcome.is_bad))
    if not rows:
        return None
    first, last = min(row[0].start for row in rows.values()), max(row[-1].end for row in rows.values())
    return Timeline(name, dict(sorted(rows.items())), max(ended, last), first)


def slowest(timeline: Timeline, most: int) -> Iterator[Bar]:
    """Yield the tests that took longest."""
    bars = [bar for row in timeline.rows.values() for bar in row]
    yield from sorted(bars, key=lambda bar: bar.start - bar.end)[:most]
