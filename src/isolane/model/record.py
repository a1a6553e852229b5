"""A run as its events tell it: what was collected, what became of each test, who ran what in which order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from isolane.model.events import (
    CollectionFailed,
    CollectionFinished,
    Event,
    RunFinished,
    RunStarted,
    TestFinished,
    TestStarted,
    WorkerStarted,
    WorkerStopped,
)
from isolane.model.outcome import Category, Outcome


@dataclass
class RunRecord:
    """The fold of a run's events.

    node_ids: as collected. outcomes: by node id; a test whose finish was seen twice is ``duplicated``, one that
    started and never ended has none and stays in ``running``: the engine that saw the process die says what became
    of it. sequences: for each worker the node ids in the order it ran them, the one included that it was running when
    all ended, if the run tells where a test starts (xdist's tell where it ended). processes: for each worker how many
    of these its processes had before them: a worker that a test left dirty goes on in a fresh one.
    """

    header: RunStarted | None = None
    node_ids: tuple[str, ...] = ()
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    finished: dict[str, TestFinished] = field(default_factory=dict)
    sequences: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, list[int]] = field(default_factory=dict)
    collection_failures: list[CollectionFailed] = field(default_factory=list)
    lost_workers: list[WorkerStopped] = field(default_factory=list)
    end: RunFinished | None = None
    running: dict[str, float] = field(default_factory=dict)
    """Tests that started and have not ended yet, with the time they started."""
    stopped: dict[str, str] = field(default_factory=dict)
    """Workers that have gone, and why; the reason is empty where they were asked to."""
    _started_in: dict[str, str] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, TestStarted):
            self.running[event.node_id] = event.at
            if event.worker:
                self._started_in[event.node_id] = event.worker
                self.sequences.setdefault(event.worker, []).append(event.node_id)
        elif isinstance(event, TestFinished):
            self._finish(event)
        elif isinstance(event, RunStarted):
            self.header = event
        elif isinstance(event, CollectionFinished):
            self.node_ids = event.node_ids
        elif isinstance(event, CollectionFailed):
            self.collection_failures.append(event)
        elif isinstance(event, WorkerStarted):
            self.processes.setdefault(event.worker, []).append(len(self.sequences.get(event.worker, ())))
        elif isinstance(event, WorkerStopped):
            self.stopped[event.worker] = event.reason
            if event.reason:
                self.lost_workers.append(event)
        elif isinstance(event, RunFinished):
            self.end = event

    def _finish(self, event: TestFinished) -> None:
        self.running.pop(event.node_id, None)
        started_in = self._started_in.pop(event.node_id, "")
        if not started_in or event.worker not in ("", started_in):
            self.sequences.setdefault(event.worker, []).append(event.node_id)
        before = self.outcomes.get(event.node_id)
        if before is not None and Category.CRASHED in (before.category, event.category):
            # xdist may give a test that killed its worker to the next one, and the next: it crashed all the same.
            self.outcomes[event.node_id] = Outcome(Category.CRASHED)
        elif before is None:
            self.outcomes[event.node_id] = event.outcome
        else:
            earlier = before.detail if before.category is Category.DUPLICATED else str(before)
            self.outcomes[event.node_id] = Outcome(Category.DUPLICATED, f"{earlier}, {event.outcome}")
        self.finished[event.node_id] = event

    @property
    def exit_code(self) -> int | None:
        """Return pytest's exit code, or None where the run never came to its end."""
        return None if self.end is None else self.end.exit_code

    @property
    def engine(self) -> str:
        """Return what really ran the tests; empty where the run does not say.

        A run that changes its engine writes another header, and the last one counts.
        """
        return "" if self.header is None else self.header.engine

    @property
    def seconds(self) -> float:
        """Return the time of the whole process."""
        return 0.0 if self.end is None else self.end.seconds

    def setting(self, name: str) -> str:
        """Return one of isolane's settings as it was in force in the run; empty where the run does not say."""
        return "" if self.header is None else self.header.settings.get(name, "")

    def counts(self) -> dict[str, int]:
        """Return how many tests ended in each category, by its name."""
        result: dict[str, int] = {}
        for outcome in self.outcomes.values():
            result[outcome.category.value] = result.get(outcome.category.value, 0) + 1
        return result

    @classmethod
    def of(cls, events: Iterable[Event]) -> RunRecord:
        """Return the record of all these events."""
        record = cls()
        for event in events:
            record.add(event)
        return record
