"""``isolane bench``: the suite serially and in parallel, in turn, as medians of pairs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from isolane.model.measurements import BenchResult, BenchRow
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import DEFAULT_DIST
from isolane.usecases.execution import execute, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.timings import write_timings
from isolane.usecases.worker_counts import chosen_workers, parse_workers
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class BenchRequest:
    """What was asked. pairs: how often each is run. engine: as in a plan.

    workers: counts like ``1,2,auto``; 1 is serial, which is always measured. Where workers or reports are None, the
    project's configuration is asked, as `isolane prove` does.
    """

    project: Path
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str | None = None
    pairs: int = 3
    reports: Path | None = None
    stall_seconds: float | None = None
    engine: str | None = None


def bench(request: BenchRequest, observer: Observer) -> BenchResult:
    """Measure, write the timings, and return the figures. Raises OSError where the page cannot be written."""
    if request.workers:  # what was typed wrong is said before the first run
        parse_workers(request.workers)
    seconds: dict[int, list[float]] = {}
    engines: dict[int, str] = {}
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="bench",
            engine=request.engine,
            stall_seconds=request.stall_seconds,
            environment=held_environment(os.environ),
        )

        def measure(pair: int, count: int) -> RunRecord:
            one = replace(plan, workers=count, dist=DEFAULT_DIST if count else None)
            title = f"pair {pair} of {request.pairs}: {f'{count} workers' if count else 'serial'}"
            observer.run_started(title, one)
            execution = execute(workshop, one, observer)
            require_tests(execution)
            observer.run_finished(title, execution.record, "")
            seconds.setdefault(count, []).append(execution.record.seconds)
            engines.setdefault(count, execution.record.engine)
            return execution.record

        first = measure(1, 0)
        counts = sorted(set(chosen_workers(request.workers, first)) - {1})
        for pair in range(1, request.pairs + 1):
            for count in counts if pair == 1 else (0, *counts):
                measure(pair, count)
        reports = request.reports or workshop.project / (first.setting("reports") or "reports")
        write_timings(workshop.home.parent, reports)
    rows = []
    for count in counts:
        ratios = sorted(one / serial for one, serial in zip(seconds[count], seconds[0], strict=True))
        spread = (ratios[0], median(ratios), ratios[-1])
        rows.append(BenchRow(count, engines[count], median(seconds[count]), median(seconds[0]), spread))
    return BenchResult(len(first.outcomes), request.pairs, median(seconds[0]), tuple(rows), reports / "ci_timings.md")
