"""``isolane stress N``: N whole runs, and what they say about each test's flake rate."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from isolane.coordination.processors import available_processors
from isolane.model.measurements import StressedTest, StressResult
from isolane.model.outcome import Outcome
from isolane.model.plan import RunPlan
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import DEFAULT_DIST, parse_worker_count
from isolane.usecases.breakage import died
from isolane.usecases.execution import Observer, execute, require_tests
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class StressRequest:
    """What was asked. workers: as for PYTEST_WORKERS; 1 is serial. engine: as in a plan."""

    project: Path
    runs: int
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str = "auto"
    seed: int | None = None
    stall_seconds: float | None = None
    engine: str | None = None


def stress(request: StressRequest, observer: Observer) -> StressResult:
    """Run the suite that many times. Raises :class:`~isolane.model.errors.IsolaneError` where there are no tests."""
    count = parse_worker_count(request.workers, available_processors(), "-n")
    workers = 0 if count == 1 else count
    outcomes: dict[str, list[Outcome]] = {}
    failed_runs, deaths, run_ids = 0, [], []
    started = time.time()
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="stress",
            workers=workers,
            dist=DEFAULT_DIST if workers else None,
            engine=request.engine,
            seed=request.seed,
            stall_seconds=request.stall_seconds,
            environment=held_environment(os.environ),
        )
        for number in range(1, request.runs + 1):
            title = f"run {number} of {request.runs}"
            observer.run_started(title, plan)
            execution = execute(workshop, plan, observer)
            require_tests(execution)
            record = execution.record
            how = died(record)
            observer.run_finished(title, record, how)
            run_ids.append(execution.directory.name)
            if how:
                deaths.append(f"{title}: the process {how}")
            failed_runs += bool(how) or any(outcome.is_bad for outcome in record.outcomes.values())
            for node_id, outcome in record.outcomes.items():
                outcomes.setdefault(node_id, []).append(outcome)
    misbehaving = [
        StressedTest(node_id, sum(one.is_bad for one in seen), len(seen), _tally(seen))
        for node_id, seen in outcomes.items()
        if any(one.is_bad for one in seen)
    ]
    return StressResult(
        runs=request.runs,
        workers=workers,
        tests=len(outcomes),
        failed_runs=failed_runs,
        misbehaving=tuple(misbehaving),
        deaths=tuple(deaths),
        seconds=time.time() - started,
        run_ids=tuple(run_ids),
    )


def _tally(seen: list[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome in seen:
        counts[str(outcome)] = counts.get(str(outcome), 0) + 1
    return counts
