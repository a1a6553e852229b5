"""What becomes of one whole run that a forked worker makes: kept in memory, and on disk as any run's record is."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from isolane.engines.aftermath import OUTPUT_NAME
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.model.events import (
    RunFinished,
    RunStarted,
    TestFinished,
    WorkerStarted,
    WorkerStopped,
    encode,
    encode_passed,
    encode_started,
)
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.plan import SIDE_BY_SIDE
from isolane.model.stress import StressedRun
from isolane.pytest_plugin.phases import PhaseReports

HUNG = "hung"


class RunBook:
    """One run: who ran what in which order, and how it ended.

    tests: positions in the session's list of all that are to run. header: of its record; its ``run_id`` names the
    run. collection: the record's line of what was collected. home: where the record's directory is made; None keeps
    nothing on disk.
    """

    def __init__(
        self, number: int, tests: Sequence[int], header: RunStarted, collection: str, home: Path | None
    ) -> None:
        self.number = number
        self.worker = ""
        self.died = ""
        self.outcomes: dict[str, Outcome] = {}
        """Of the tests that have not simply passed."""
        self._workers: dict[str, str] = {}
        self.unrun: list[int] = []
        """Those that have never had their turn: the process died again and again."""
        self.is_repetition = home is None
        self._left = set(tests)
        self._open: dict[int, PhaseReports] = {}
        self._header = header
        self._passed = 0
        self._started = self._ended = header.at
        self._failures: list[str] = []
        self._directory = home / header.run_id if home is not None else None
        self._writer = EventLogWriter(self._directory / FILE_NAME) if self._directory is not None else None
        self._write(encode(header))
        self._write(collection)

    @property
    def is_over(self) -> bool:
        """Return whether all its tests have had their turn."""
        return not self._left

    def worker_started(self, worker: str) -> None:
        """Note which worker makes it; after a crash there is another."""
        self.worker = worker
        self._write(encode(WorkerStarted(time.time(), worker)))

    def started(self, test: int, node_id: str) -> None:
        """Note that a test begins."""
        now = time.time()
        if not self._open and not self._passed and not self.outcomes:
            self._started = now
        phases = self._open[test] = PhaseReports()
        phases.worker = self.worker
        if self._writer is not None:
            self._writer.write_line(encode_started(now, node_id, self.worker))

    def reported(self, test: int, report: pytest.TestReport) -> None:
        """Note one of its phases."""
        phases = self._open.get(test)
        if phases is None:
            return
        phases.add(report)
        if report.outcome == "failed":
            self._failures.append(_failure(report))

    def phase_passed(self, test: int, when: str, seconds: float) -> None:
        """Note that one of its phases has passed."""
        phases = self._open.get(test)
        if phases is not None:
            phases.lasted(when, seconds)

    def finished(self, test: int, node_id: str) -> None:
        """Note that it has ended."""
        phases = self._open.pop(test, None)
        if phases is None or test not in self._left:
            return
        self._left.discard(test)
        now = self._ended = time.time()
        if phases.is_plain_pass:
            self._passed += 1
            if self._writer is not None:
                line = encode_passed(now, node_id, self.worker, phases.setup, phases.call, phases.teardown)
                self._writer.write_line(line, with_next=True)
            return
        self._ends(phases.finished(now, node_id))

    def crashed(self, test: int, node_id: str, cause: str, printed: Sequence[str]) -> None:
        """Note that the process died in which it ran; the tests that are left run in another one."""
        self._open.pop(test, None)
        self._left.discard(test)
        now = self._ended = time.time()
        hung = "nothing was heard" in cause
        how = HUNG if hung else f"was {cause}" if cause.startswith("killed") else cause
        self.died = f"{how} while {node_id} ran"
        category, message = Category.HUNG if hung else Category.CRASHED, f"the process {how} while this test ran"
        self._ends(TestFinished(now, node_id, self.worker, category, "" if hung else how, message=message))
        self._write(encode(WorkerStopped(now, self.worker, how)))
        self._failures.append("\n".join([f"{node_id}: {message}", *(text for text in printed if text)]))

    def given_up(self, tests: Sequence[int]) -> None:
        """Note tests that are not run."""
        self.unrun += [test for test in tests if test in self._left]
        self._left.difference_update(tests)

    def _ends(self, event: TestFinished) -> None:
        self.outcomes[event.node_id] = event.outcome
        if event.outcome.is_bad:
            self._workers[event.node_id] = event.worker
        if self._writer is not None:
            self._writer.write(event, with_next=True)

    def result(self) -> StressedRun:
        """Return what is told of the run."""
        return StressedRun(
            self.number,
            self._header.run_id,
            self.worker,
            self._header.seed,
            self._passed + len(self.outcomes),
            {node_id: str(outcome) for node_id, outcome in self.outcomes.items() if outcome.is_bad},
            self._workers,
            self.died,
            round(self._ended - self._started, 6),
        )

    def outcome(self, node_id: str) -> Outcome:
        """Return how a test that has run has ended."""
        return self.outcomes.get(node_id, PASSED)

    def close(self) -> None:
        """Write the record's end; with the failures' text beside it, if there are any."""
        if self._writer is None or self._directory is None:
            return
        self._failures = self._failures if self._writer.failure is None else []
        counts = {"passed": self._passed} if self._passed else {}
        for outcome in self.outcomes.values():
            counts[outcome.category.value] = counts.get(outcome.category.value, 0) + 1
        bad = any(outcome.is_bad for outcome in self.outcomes.values())
        phases = {"start": self._started - self._header.process_started, "tests": self._ended - self._started}
        now = time.time()
        if self.is_over:
            self._write(encode(WorkerStopped(now, self.worker)))
            self._write(
                encode(RunFinished(now, int(bad), {name: max(0.0, one) for name, one in phases.items()}, counts))
            )
        self._writer.close()
        if self._failures:
            text = "\n\n".join(self._failures)
            (self._directory / OUTPUT_NAME).write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")

    def discard(self) -> None:
        """Leave nothing of it on disk."""
        if self._writer is not None and self._directory is not None:
            self._writer.close()
            shutil.rmtree(self._directory, ignore_errors=True)

    def _write(self, line: str) -> None:
        if self._writer is not None:
            self._writer.write_line(line)


def header_of_run(session: RunStarted, run_id: str, *, seed: int | None, randomly: bool, workers: int) -> RunStarted:
    """Return the header of one run, made of that of the session that collected.

    randomly: whether pytest-randomly seeds each test. workers: how many make runs side by side.
    """
    now = time.time()
    settings = dict(session.settings)
    if randomly and seed is not None:
        settings["random-seed"] = str(seed)
    return replace(
        session,
        at=now,
        process_started=now,
        run_id=run_id,
        label="stress",
        engine="fork",
        seed=session.seed if seed is None else seed,
        settings=settings,
        workers=workers if workers > 1 else 0,
        dist=SIDE_BY_SIDE if workers > 1 else "no",
    )


def _failure(report: pytest.TestReport) -> str:
    title = f" {report.nodeid} ({report.when}) "
    lines = [f"{title:_^80}", report.longreprtext]
    for name, text in report.sections:
        lines += [f"{f' {name} ':-^80}", text.rstrip("\n")]
    return "\n".join(lines)
