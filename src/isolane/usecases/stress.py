"""``isolane stress N``: many whole runs, and what they say about each test's flake rate."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from isolane.coordination.processors import available_processors
from isolane.engines.xdist import XdistEngine
from isolane.model.errors import UsageError
from isolane.model.measurements import StressResult
from isolane.model.plan import RunPlan
from isolane.model.stress import StressOrders
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import parse_worker_count
from isolane.usecases.observer import Observer
from isolane.usecases.quarantine import read_quarantine, today_in_utc
from isolane.usecases.stress_forks import make_forked_runs
from isolane.usecases.stress_fresh import make_fresh_runs
from isolane.usecases.workshop import open_workshop


@dataclass(frozen=True)
class StressRequest:
    """What was asked. runs: how many at most; None where rate or seconds ends it.

    workers: as for PYTEST_WORKERS; so many runs go on side by side. engine: as in a plan; xdist's runs are each split
    over the workers. fresh: each run in a new interpreter. rate: go on until each test's flake rate is known to be
    under it, or over it. seconds: begin no run after so long. varied: each run has an order and a seed of its own.
    """

    project: Path
    runs: int | None
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str = "auto"
    seed: int | None = None
    stall_seconds: float | None = None
    engine: str | None = None
    fresh: bool = False
    rate: float | None = None
    seconds: float | None = None
    varied: bool = False


def stress(request: StressRequest, observer: Observer) -> StressResult:
    """Run the suite that many times. Raises :class:`~isolane.model.errors.IsolaneError` where there are no tests."""
    count = parse_worker_count(request.workers, available_processors(), "-n")
    orders = StressOrders(
        count,
        request.runs,
        rate=request.rate,
        seconds=request.seconds,
        varied=request.varied,
        seed=request.seed,
        stall_seconds=request.stall_seconds,
    )
    environment = held_environment(os.environ)
    quarantine, today = read_quarantine(request.project.resolve()), today_in_utc()
    note, obstacle = _why_fresh(request, held=bool(environment)), ""

    def is_quarantined(test: str) -> bool:
        return quarantine.entry_of(test, today) is not None

    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="stress",
            engine=request.engine,
            stall_seconds=request.stall_seconds,
            environment=environment,
        )
        if note is None:
            made = make_forked_runs(workshop, plan, orders, observer, is_quarantined)
            if isinstance(made, StressResult):
                return made
            obstacle = made
            if request.engine == "fork":
                raise UsageError(
                    "cannot-fork",
                    f"--isolane-engine=fork is not possible here: {obstacle}.",
                    "Use --engine auto, or xdist: each run then starts anew.",
                )
            note = f"Each run in a new interpreter, and not in a fork: {obstacle}."
        return make_fresh_runs(workshop, plan, orders, observer, is_quarantined, note)


def _why_fresh(request: StressRequest, *, held: bool) -> str | None:
    """Return what to say where runs are not to be forked at all; None where they may be."""
    if request.fresh or request.engine == XdistEngine.name:
        return ""
    if not held:
        return "Each run in a new interpreter: PYTHONHASHSEED=random gives each a hash seed of its own."
    return None
