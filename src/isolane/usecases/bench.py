"""``isolane bench``: the suite serially and in parallel, in turn, as medians of pairs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from isolane.coordination.processors import available_processors
from isolane.model.measurements import BenchResult, BenchRow
from isolane.model.plan import RunPlan
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import DEFAULT_DIST, parse_worker_count
from isolane.usecases.execution import Observer, execute, require_tests
from isolane.usecases.timings import write_timings
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class BenchRequest:
    """What was asked. workers: counts like ``1,2,auto``; 1 is serial, which is always measured. pairs: how often."""

    project: Path
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str = "2,auto"
    pairs: int = 3
    reports: Path | None = None
    stall_seconds: float | None = None


def bench(request: BenchRequest, observer: Observer) -> BenchResult:
    """Measure, write the timings, and return the figures. Raises OSError where the page cannot be written."""
    available = available_processors()
    counts = sorted({parse_worker_count(part, available, "--workers") for part in request.workers.split(",")} - {1})
    seconds: dict[int, list[float]] = {count: [] for count in (0, *counts)}
    tests = 0
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="bench",
            stall_seconds=request.stall_seconds,
            environment=held_environment(os.environ),
        )
        for number in range(1, request.pairs + 1):
            for count in (0, *counts):
                one = RunPlan(**{**vars(plan), "workers": count, "dist": DEFAULT_DIST if count else None})
                title = f"pair {number} of {request.pairs}: {f'{count} workers' if count else 'serial'}"
                observer.run_started(title, one)
                execution = execute(workshop, one, observer)
                require_tests(execution)
                observer.run_finished(title, execution.record, "")
                seconds[count].append(execution.record.seconds)
                tests = tests or len(execution.record.outcomes)
        reports = request.reports or workshop.project / "reports"
        write_timings(workshop.home.parent, reports)
    rows = []
    for count in counts:
        ratios = sorted(one / serial for one, serial in zip(seconds[count], seconds[0], strict=True))
        spread = (ratios[0], median(ratios), ratios[-1])
        rows.append(BenchRow(count, median(seconds[count]), median(seconds[0]), spread))
    return BenchResult(tests, request.pairs, median(seconds[0]), tuple(rows), reports / "ci_timings.md")
