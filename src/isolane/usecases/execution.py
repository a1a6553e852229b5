"""Runs one plan and keeps its record: what every verb that runs tests is made of."""

from __future__ import annotations

import contextlib
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from isolane.engines.aftermath import OUTPUT_NAME
from isolane.model.errors import ExitCode, IsolaneError
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.plan import RunPlan
from isolane.model.proof import PYTEST_ITSELF, Phase, PhaseResult
from isolane.model.record import RunRecord
from isolane.planning.compare import compare, same_outcome
from isolane.usecases.breakage import died, last_error, why_broken
from isolane.usecases.observer import Observer
from isolane.usecases.workshop import Workshop


@dataclass(frozen=True)
class Execution:
    """A plan that was run. command: what ran it. directory: its event log and output. seconds: the whole process."""

    plan: RunPlan
    command: tuple[str, ...]
    directory: Path
    record: RunRecord
    seconds: float

    @cached_property
    def outcomes(self) -> dict[str, Outcome]:
        """Return what became of the tests, and of pytest itself: it fails where its exit code is not the tests'.

        A plugin that fails in a hook, or a coverage threshold, makes a run fail though no test did. A part of the
        suite does not reach a threshold for the whole: of a module alone, exit code 1 says nothing.
        """
        return {**self.record.outcomes, PYTEST_ITSELF: self._pytest_itself()}

    def _pytest_itself(self) -> Outcome:
        code = self.record.exit_code
        how = died(self.record)
        if how:
            return Outcome(Category.HUNG if how.startswith("hung") else Category.CRASHED)
        explained = {1 if any(outcome.is_bad for outcome in self.record.outcomes.values()) else 0}
        if self._is_part:
            explained |= {0, 1, 5}
        if code in explained and not self.record.collection_failures:
            return PASSED
        return Outcome(Category.FAILED, f"exit code {code}")

    @cached_property
    def broken(self) -> str:
        """Return why pytest itself did not come to its end, in a sentence without full stop; nothing where it did."""
        return why_broken(self.record, self.output, may_be_empty=self._is_part)

    @property
    def failure(self) -> str:
        """Return why pytest itself failed, where it did: it broke, or says so in its output."""
        return self.broken or last_error(self.output, self.record.exit_code)

    @property
    def _is_part(self) -> bool:
        return self.plan.label == "module"

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
    if record.header is None and code in (ExitCode.OK, ExitCode.FAILED):
        raise IsolaneError(
            "not-recorded",
            "pytest ran without isolane's plugin, or was asked to run nothing.",
            "Take -p no:isolane, or the like of --version, out of its arguments and addopts.",
            exit_code=ExitCode.USAGE_ERROR,
        )
    raise IsolaneError(
        "pytest-failed",
        f"pytest could not run the tests: {last_error(execution.output, code)}.",
        f"Run it yourself: cd {shlex.quote(str(execution.plan.project))} && {shlex.join(execution.command)}",
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
        engine=record.engine,
    )


def differences(expected: Mapping[str, Outcome], execution: Execution) -> list[tuple[str, Outcome, Outcome]]:
    """Return (node id, expected, found) for what differs: pytest itself, tests.

    Tests that pytest itself did not come to are not listed one by one: :func:`cut_off` counts them. Where it came
    to all of them, and one differs, that its exit code does too says nothing more.
    """
    lost = cut_off(expected, execution)
    found = sorted(compare(expected, execution.outcomes, ignore=lost), key=lambda one: one[0] != PYTEST_ITSELF)
    return found if lost else [one for one in found if one[0] != PYTEST_ITSELF] or found


def cut_off(expected: Mapping[str, Outcome], execution: Execution) -> set[str]:
    """Return the tests that a run did not come to because pytest itself broke; none where it came to its end."""
    found = execution.outcomes
    if not execution.broken or same_outcome(expected.get(PYTEST_ITSELF, PASSED), found[PYTEST_ITSELF]):
        return set()
    return expected.keys() - found.keys()
