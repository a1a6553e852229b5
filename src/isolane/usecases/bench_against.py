"""``isolane bench --against REV``: this checkout and another revision of it, in turn, in pairs, with a verdict."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from statistics import median

from isolane.model.errors import UsageError
from isolane.model.measurements import AgainstResult, AgainstRow
from isolane.model.plan import RunPlan
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import DEFAULT_DIST
from isolane.resources.worktrees import kept_path, mapped_path
from isolane.statistics.paired_ratios import THRESHOLD, ratio_interval, verdict
from isolane.usecases.bench import BenchRequest
from isolane.usecases.execution import execute, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.worker_counts import chosen_workers
from isolane.usecases.workshop import open_workshop
from isolane.usecases.worktree import OwnWorktree, own_worktree


def bench_against(request: BenchRequest, revision: str, observer: Observer) -> AgainstResult:
    """Measure both, and return figures and verdicts.

    The other revision is run in a worktree of its own, by the same interpreter. Worker counts are those that were
    asked for; serial where none were. Tests that fail are timed all the same.
    """
    if request.pairs < 2:
        raise UsageError("one-pair", "Of one pair nobody can tell chance from change.", "Say --pairs 5, or more.")
    with (
        open_workshop(request.project, request.python) as workshop,
        own_worktree(workshop.project, revision) as worktree,
    ):
        here = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="against",
            engine=request.engine,
            stall_seconds=request.stall_seconds,
            environment=held_environment(os.environ),
        )
        path = os.pathsep.join(
            [*_import_paths(here, worktree), *kept_path(os.environ.get("PYTHONPATH", ""), worktree.checkout)]
        )
        there = replace(
            here,
            project=worktree.project,
            environment={**here.environment, **({"PYTHONPATH": path} if path else {})},
        )
        seconds: dict[tuple[int, bool], list[float]] = {}
        tests = {}

        def measure(number: int, count: int, plan: RunPlan) -> None:
            one = replace(plan, workers=count, dist=DEFAULT_DIST if count else None)
            where = "this checkout" if plan is here else revision
            title = f"pair {number} of {request.pairs}: {where}, {f'{count} workers' if count else 'serial'}"
            observer.run_started(title, one)
            execution = execute(workshop, one, observer)
            require_tests(execution)
            observer.run_finished(title, execution.record, "")
            seconds.setdefault((count, plan is here), []).append(execution.record.seconds)
            tests[plan is here] = execution.record

        measure(0, 0, here)  # a warm-up of caches, and the settings of the project
        measure(0, 0, there)
        seconds.clear()
        counts = chosen_workers(request.workers, tests[True]) if request.workers else [1]
        for number in range(1, request.pairs + 1):
            for count in sorted({0 if count == 1 else count for count in counts}):
                # The second of a pair finds a warmer machine: they take turns.
                for plan in (here, there) if number % 2 else (there, here):
                    measure(number, count, plan)
    rows = []
    for count in sorted({count for count, _ in seconds}):
        ours, theirs = seconds[count, True], seconds[count, False]
        ratio = ratio_interval(ours, theirs)
        rows.append(AgainstRow(count, median(ours), median(theirs), ratio, verdict(ratio)))
    return AgainstResult(
        revision,
        worktree.commit,
        len(tests[True].outcomes),
        len(tests[False].outcomes),
        request.pairs,
        THRESHOLD,
        tuple(rows),
    )


def _import_paths(plan: RunPlan, worktree: OwnWorktree) -> list[str]:
    """Return where the project's interpreter looks for modules in the checkout, as places in the worktree."""
    asked = subprocess.run(
        [plan.python, "-c", "import json, sys; print(json.dumps(sys.path[1:]))"],
        cwd=plan.project,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        entries = json.loads(asked.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return []
    return mapped_path(entries, worktree.checkout, worktree.folder)
