"""Runs one plan and keeps its record: what every verb that runs tests is made of."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from isolane.engines.aftermath import OUTPUT_NAME
from isolane.model.errors import ExitCode, IsolaneError
from isolane.model.events import Event
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.plan import RunPlan
from isolane.model.proof import Phase, PhaseResult
from isolane.model.record import RunRecord
from isolane.planning.compare import compare
from isolane.usecases.workshop import Workshop

PYTEST_ITSELF = "(pytest itself)"
"""Stands for the run as a whole among the node ids that are compared."""


class Observer(Protocol):
    """Who wants to hear of runs while they go on."""

    def run_started(self, title: str, plan: RunPlan) -> None:
        """A run begins."""
        ...

    def event(self, event: Event) -> None:
        """Something happened in it."""
        ...

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """It is over."""
        ...


class Silence:
    """An observer that hears nothing."""

    def run_started(self, title: str, plan: RunPlan) -> None:
        """Pass over."""

    def event(self, event: Event) -> None:
        """Pass over."""

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """Pass over."""


@dataclass(frozen=True)
class Execution:
    """A plan that was run. command: what ran it. directory: its event log and output. seconds: the whole process."""

    plan: RunPlan
    command: tuple[str, ...]
    directory: Path
    record: RunRecord
    seconds: float

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of the tests, and of pytest itself: it fails where its exit code is not the tests'.

        A plugin that fails in a hook, or a coverage threshold, makes a run fail though no test did. A part of the
        suite does not reach a threshold for the whole: of a module alone, exit code 1 says nothing.
        """
        code = self.record.exit_code
        explained = {1 if any(outcome.is_bad for outcome in self.record.outcomes.values()) else 0}
        if self.plan.label == "module":
            explained |= {0, 1, 5}
        itself = PASSED if code in explained else Outcome(Category.FAILED, f"exit code {code}")
        return {**self.record.outcomes, PYTEST_ITSELF: itself}

    @property
    def output(self) -> str:
        """Return what the process printed."""
        try:
            return (self.directory / OUTPUT_NAME).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""


def execute(workshop: Workshop, plan: RunPlan, observer: Observer) -> Execution:
    """Run a plan to its end; every event is passed to the observer."""
    engine, directory = workshop.engine_for(plan)
    record = RunRecord()
    started = time.monotonic()
    with contextlib.closing(engine.run(plan)) as events:  # type: ignore[type-var]  # engines yield from generators
        for event in events:
            record.add(event)
            observer.event(event)
    return Execution(plan, engine.command(plan), directory, record, time.monotonic() - started)


def require_tests(execution: Execution) -> None:
    """Raise an error, with pytest's own exit code, where a run came to no test: there is nothing to compare."""
    record = execution.record
    code = record.exit_code
    if record.collection_failures:
        first = record.collection_failures[0]
        others = len(record.collection_failures) - 1
        more = f" (and {others} more)" if others else ""
        raise IsolaneError(
            "collection-failed",
            f"pytest could not collect {first.node_id or 'the tests'}: {first.message}{more}.",
            "Run pytest there to see the whole error.",
            exit_code=ExitCode(code) if code in (1, 2, 3, 4) else ExitCode.INTERRUPTED,
        )
    if record.outcomes and code != ExitCode.INTERNAL_ERROR:
        return
    if code == ExitCode.NO_TESTS:
        raise IsolaneError(
            "no-tests",
            f"pytest found no tests in {execution.plan.project}.",
            "Name them behind --, as you would for pytest.",
            exit_code=ExitCode.NO_TESTS,
        )
    raise IsolaneError(
        "pytest-failed",
        f"pytest could not run the tests: {_last_error(execution.output)}.",
        f"Run it yourself: cd {execution.plan.project} && {' '.join(execution.command)}",
        exit_code=ExitCode(code) if code in (2, 3, 4) else ExitCode.INTERNAL_ERROR,
    )


def result_of(phase: Phase, execution: Execution, differences: int) -> PhaseResult:
    """Return what a proof keeps of a run."""
    record = execution.record
    return PhaseResult(
        phase=phase,
        seconds=execution.seconds,
        tests=len(record.outcomes),
        failed=sum(outcome.is_bad for outcome in record.outcomes.values()),
        exit_code=record.exit_code if record.exit_code is not None else -1,
        run_id=execution.directory.name,
        differences=differences,
    )


def died(record: RunRecord) -> str:
    """Return how the process that ran the tests died, or nothing where it came to its own end."""
    for lost in record.lost_workers:
        if lost.worker == "controller":
            last = [one for one in record.finished.values() if one.category in (Category.CRASHED, Category.HUNG)]
            where = f" while {last[-1].node_id} ran" if last else ""
            return f"{lost.reason}{where}"
    crashed = [one for one in record.finished.values() if one.category is Category.CRASHED and not one.worker]
    return f"{crashed[-1].detail} while {crashed[-1].node_id} ran" if crashed else ""


def differences(expected: Mapping[str, Outcome], execution: Execution) -> list[tuple[str, Outcome, Outcome]]:
    """Return (node id, expected, found) for what differs: tests, or else pytest itself.

    Where a test differs, that pytest's exit code does too says nothing more.
    """
    found = compare(expected, execution.outcomes)
    return [one for one in found if one[0] != PYTEST_ITSELF] or found


def why_missing(execution: Execution) -> str:
    """Return why tests of a run are missing, as far as the run says; nothing where it came to its end with tests."""
    record = execution.record
    if record.collection_failures:
        first = record.collection_failures[0]
        return f"{first.node_id or 'the tests'} could not be collected: {first.message}"
    how = died(record)
    if how:
        return f"the process {how}"
    return "" if record.outcomes else _last_error(execution.output)


def _last_error(output: str) -> str:
    """Return the line of pytest's output that says most: its error marks first, else the last line."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    for mark in ("E   ", "ERROR: ", "ERROR "):
        marked = [line for line in lines if line.startswith(mark)]
        if marked:
            return marked[-1].removeprefix(mark).strip().rstrip(".")
    internal = [line for line in lines if line.startswith("INTERNALERROR>")]
    if internal:
        return internal[-1].removeprefix("INTERNALERROR>").strip()
    return lines[-1].rstrip(".") if lines else "it said nothing"
