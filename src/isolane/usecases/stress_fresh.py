"""Runs of ``isolane stress`` that each start a new interpreter, one after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from isolane.engines.fork.starts import Starts
from isolane.model.measurements import StressedTest, StressResult
from isolane.model.outcome import Outcome
from isolane.model.plan import RunPlan
from isolane.model.stress import StressOrders, Tally
from isolane.planning.stress import MOST_TIMES, behaviour, seed_of_run
from isolane.planning.workers import DEFAULT_DIST
from isolane.statistics.flake_rate import are_different, clean_runs_for, is_settled
from isolane.usecases.breakage import died
from isolane.usecases.execution import Execution, execute, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.suggestion import replay_words
from isolane.usecases.workshop import Workshop


def make_fresh_runs(
    workshop: Workshop,
    plan: RunPlan,
    orders: StressOrders,
    observer: Observer,
    is_quarantined: Callable[[str], bool],
    note: str,
) -> StressResult:
    """Make the runs, each split over the workers. note: why they are not forked, if that is to be said."""
    started = time.monotonic()
    workers = orders.count if orders.count > 1 else 0
    plan = replace(plan, workers=workers, dist=DEFAULT_DIST if workers else None)
    outcomes: dict[str, list[Outcome]] = {}
    first_failures: dict[str, str] = {}
    failed_runs, deaths, run_ids = 0, [], []
    starts = Starts()
    for number in _numbers(orders, started, outcomes):
        title = f"run {number} of {orders.runs}" if orders.runs is not None else f"run {number}"
        plan = replace(plan, seed=seed_of_run(orders, number))
        observer.run_started(title, plan)
        execution = _started(starts, title, workshop, plan, observer)
        require_tests(execution)
        record = execution.record
        how = died(record)
        observer.run_finished(title, record, how)
        run_ids.append(execution.directory.name)
        if how:
            deaths.append(f"{title}: the process {how}")
        failed_runs += bool(how) or any(
            outcome.is_bad and not is_quarantined(test) for test, outcome in record.outcomes.items()
        )
        for node_id, outcome in record.outcomes.items():
            outcomes.setdefault(node_id, []).append(outcome)
            if outcome.is_bad:
                first_failures.setdefault(node_id, _replay(execution, node_id))
    return StressResult(
        runs=len(run_ids),
        workers=workers,
        tests=len(outcomes),
        failed_runs=failed_runs,
        misbehaving=tuple(
            replace(
                _stressed(node_id, outcomes[node_id], replay, varied=orders.varied),
                quarantined=is_quarantined(node_id),
            )
            for node_id, replay in first_failures.items()
        ),
        deaths=tuple(deaths),
        seconds=time.monotonic() - started,
        run_ids=tuple(run_ids),
        note=note,
        varied=orders.varied,
        rate=orders.rate,
    )


def _started(starts: Starts, title: str, workshop: Workshop, plan: RunPlan, observer: Observer) -> Execution:
    """Make a run, by the pool: a machine that has no room for its process just now may have some soon."""
    made: list[Execution] = []
    starts.make(title, lambda: made.append(execute(workshop, plan, observer)))
    return made[0]


def _numbers(orders: StressOrders, started: float, outcomes: dict[str, list[Outcome]]) -> Iterator[int]:
    """Yield the numbers of the runs to make, until there are enough."""
    most = orders.runs
    if most is None and orders.rate is not None:
        most = MOST_TIMES * clean_runs_for(orders.rate)
    number = 0
    while most is None or number < most:
        number += 1
        yield number
        if orders.seconds is not None and time.monotonic() - started >= orders.seconds:
            return
        rate = orders.rate
        if rate is not None and all(
            is_settled(sum(one.is_bad for one in seen), len(seen), rate) for seen in outcomes.values()
        ):
            return


def _stressed(node_id: str, seen: list[Outcome], replay: str, *, varied: bool) -> StressedTest:
    failures = sum(one.is_bad for one in seen)
    tally = Tally(failures, len(seen), _counts(seen))
    kind = behaviour(tally, varied=varied, side_by_side=False, differs=are_different)
    return StressedTest(node_id, failures, len(seen), tally.outcomes, kind, replay)


def _replay(execution: Execution, node_id: str) -> str:
    event = execution.record.finished.get(node_id)
    if event is None or not event.worker:
        return ""
    return replay_words(execution.plan.project, execution.directory.name, event.worker, node_id)


def _counts(seen: list[Outcome]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome in seen:
        counts[str(outcome)] = counts.get(str(outcome), 0) + 1
    return counts
