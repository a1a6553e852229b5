"""``isolane run``: one run of a project's suite with isolane in it, though it is not installed there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isolane.coordination.processors import available_processors
from isolane.model.plan import RunPlan
from isolane.planning.workers import DEFAULT_DIST, parse_worker_count
from isolane.usecases.execution import Execution, execute
from isolane.usecases.observer import Observer
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class RunRequest:
    """What was asked. workers: as for PYTEST_WORKERS; 1 is serial. engine: as in a plan."""

    project: Path
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str = "1"
    seed: int | None = None
    order: Path | None = None
    stall_seconds: float | None = None
    engine: str | None = None


def run(request: RunRequest, observer: Observer) -> Execution:
    """Run it; pytest's exit code and output are in what is returned."""
    count = parse_worker_count(request.workers, available_processors(), "-n")
    workers = 0 if count == 1 and request.workers.strip() != "auto" else count
    dist_given = any(argument.split("=")[0] == "--dist" for argument in request.arguments)
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="parallel" if workers else "serial",
            workers=workers,
            dist=None if dist_given else DEFAULT_DIST,
            engine=request.engine,
            seed=request.seed,
            order=request.order.resolve() if request.order else None,
            stall_seconds=request.stall_seconds,
        )
        observer.run_started("run", plan)
        return execute(workshop, plan, observer)
