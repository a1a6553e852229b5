"""Runs of ``isolane stress`` that are forked: the suite is collected once."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from isolane.model.errors import IsolaneError
from isolane.model.events import RunFinished
from isolane.model.measurements import StressedTest, StressResult
from isolane.model.outcome import PASSED, Outcome
from isolane.model.plan import SIDE_BY_SIDE, STRESSED_NAME, RunPlan
from isolane.model.record import RunRecord
from isolane.model.stress import StressedRun, StressOrders, Tally
from isolane.planning.stress import behaviour
from isolane.statistics.flake_rate import are_different
from isolane.usecases.breakage import last_error
from isolane.usecases.execution import Execution, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.suggestion import replay_words
from isolane.usecases.workshop import Workshop


def make_forked_runs(
    workshop: Workshop,
    plan: RunPlan,
    orders: StressOrders,
    observer: Observer,
    is_quarantined: Callable[[str], bool],
) -> StressResult | str:
    """Make the runs and return what they say; or why they cannot be forked.

    Raises :class:`~isolane.model.errors.IsolaneError` where there are no tests, or the session breaks off.
    """
    started = time.monotonic()
    plan = replace(plan, label="stress-session", dist=None, engine=None, probe=("stress", orders.encode()))
    engine, directory = workshop.engine_for(plan)
    record, told = RunRecord(), _Told(directory / STRESSED_NAME, plan, orders, observer)
    observer.run_started(_title(1, orders), plan)
    with contextlib.closing(engine.run(plan)) as events:  # type: ignore[type-var]  # engines yield from generators
        for event in events:
            record.add(event)
            observer.event(event)
            told.read(record)
    told.read(record)
    if told.obstacle:
        shutil.rmtree(directory, ignore_errors=True)
        return told.obstacle
    if not told.is_whole:
        execution = Execution(plan, engine.command(plan), directory, record, time.monotonic() - started)
        if not told.has_collected:
            require_tests(execution)
        raise IsolaneError(
            "broke-off",
            f"the runs did not come to their end: {last_error(execution.output, record.exit_code)}.",
            f"See {directory}.",
        )
    shutil.rmtree(directory, ignore_errors=True)  # its runs are on record, each by itself
    return told.result(time.monotonic() - started, is_quarantined)


class _Told:
    """What the session tells, read along."""

    def __init__(self, file: Path, plan: RunPlan, orders: StressOrders, observer: Observer) -> None:
        self.obstacle = ""
        self.has_collected = False
        self.is_whole = False
        self._file, self._plan, self._orders, self._observer = file, plan, orders, observer
        self._offset = 0
        self._rest = b""
        self._places: dict[str, int] = {}
        """Of each test, in the order of collection."""
        self._runs: list[StressedRun] = []
        self._tallies: dict[str, Tally] = {}

    def read(self, session: RunRecord) -> None:
        """Take what has come since the last call. session: the record of what collected."""
        for line in self._lines():
            if "obstacle" in line:
                self.obstacle = line["obstacle"]
            elif "collected" in line:
                self.has_collected = True
                self._places = {test: place for place, test in enumerate(line["collected"])}
            elif "run" in line:
                self._take(StressedRun.from_data(line["run"]), session)
            elif "tallies" in line:
                self.is_whole = True
                self._tallies = {test: Tally.from_data(tally) for test, tally in line["tallies"].items()}

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with self._file.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield json.loads(line)

    def _take(self, run: StressedRun, session: RunRecord) -> None:
        if self._runs:
            self._observer.run_started(_title(len(self._runs) + 1, self._orders), self._plan)
        self._runs.append(run)
        bad = {test: Outcome.parse(outcome) for test, outcome in run.bad.items()}
        others = [one for one in self._places if one not in bad]
        record = RunRecord(
            header=_as_forked(session, self._orders.count),
            outcomes={**dict.fromkeys(others[: run.tests - len(bad)], PASSED), **bad},
            end=RunFinished(time.time(), int(bool(bad)), {"tests": run.seconds}),
        )
        self._observer.run_finished(_title(run.number, self._orders), record, run.died)

    def result(self, seconds: float, is_quarantined: Callable[[str], bool]) -> StressResult:
        """Return what all of it says."""
        orders, runs = self._orders, sorted(self._runs, key=lambda run: run.number)
        by_number = {run.number: run for run in runs}
        misbehaving = [
            StressedTest(
                test,
                tally.failures,
                tally.runs,
                tally.outcomes,
                behaviour(tally, varied=orders.varied, side_by_side=orders.count > 1, differs=are_different),
                self._replay(by_number[tally.first], test),
                tally.alone,
                tally.elsewhere,
                tally.by_itself,
                is_quarantined(test),
            )
            for test, tally in sorted(self._tallies.items(), key=lambda one: self._places[one[0]])
        ]
        return StressResult(
            runs=len(runs),
            workers=orders.count if orders.count > 1 else 0,
            tests=len(self._places),
            failed_runs=sum(bool(run.died) or not all(map(is_quarantined, run.bad)) for run in runs),
            misbehaving=tuple(misbehaving),
            deaths=tuple(f"{_title(run.number, orders)}: the process {run.died}" for run in runs if run.died),
            seconds=seconds,
            run_ids=tuple(run.run_id for run in runs),
            forked=True,
            varied=orders.varied,
            rate=orders.rate,
        )

    def _replay(self, run: StressedRun, test: str) -> str:
        return replay_words(self._plan.project, run.run_id, run.workers.get(test, run.worker), test)


def _as_forked(session: RunRecord, count: int) -> Any:
    header = session.header
    several = count > 1
    return header and replace(header, engine="fork", workers=count if several else 0, dist=SIDE_BY_SIDE)


def _title(number: int, orders: StressOrders) -> str:
    return f"run {number} of {orders.runs}" if orders.runs is not None else f"run {number}"
