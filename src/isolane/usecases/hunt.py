"""``isolane hunt``: which tests end otherwise in another order, after which tests, and what carries it."""

from __future__ import annotations

import json
import os
import site
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isolane.coordination.processors import available_processors
from isolane.engines.scratch import scratch_copy
from isolane.model.errors import IsolaneError, UsageError
from isolane.model.hunt import Finding, HuntOrders, HuntResult, Meeting
from isolane.model.plan import FINDINGS_NAME, RunPlan
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import parse_worker_count
from isolane.usecases.execution import Execution, execute, require_tests
from isolane.usecases.hunt_commands import with_commands
from isolane.usecases.hunt_fresh import FreshHunt
from isolane.usecases.observer import Observer
from isolane.usecases.seeds import parse_seeds
from isolane.usecases.workshop import open_workshop

_IN_PLACE = "The project is too large to be copied: probes ran in it."
SEEDS = (1, 2)
"""Of the shuffled orders that are run besides the suite's own, the reversed and those with dirty tests first."""
_UNCOLLECTED = "{} during collection: the tests of those files were left out."
_PATIENCE = 86_400.0
"""Seconds. A hunt tells nothing while it goes on; it is its probes that are ended where nothing happens in them."""


@dataclass(frozen=True)
class HuntRequest:
    """What was asked. tests: node ids, none for all that end otherwise somewhere. arguments: for pytest.

    all_pairs: run them after each test that leaves something, too. shows: run the commands that show what is found.
    only_forks: not in new interpreters, where probes cannot be forked.
    """

    tests: tuple[str, ...] = ()
    project: Path = Path()
    python: str | None = None
    arguments: tuple[str, ...] = ()
    workers: str = "auto"
    seeds: str | None = None
    stall_seconds: float | None = None
    all_pairs: bool = False
    shows: bool = True
    only_forks: bool = False


def hunt_suite(request: HuntRequest, observer: Observer, meetings: tuple[Meeting, ...] | None = None) -> HuntResult:
    """Collect once, run probes in forks, and return what is found.

    meetings: only these pairs are run, at the same time.
    Raises :class:`~isolane.model.errors.UsageError` where pytest does not find a test that was asked for.
    """
    started = time.monotonic()
    count = parse_worker_count(request.workers, available_processors(), "-n")
    seeds = tuple(parse_seeds(request.seeds)) if request.seeds else SEEDS
    with (
        open_workshop(request.project, request.python) as workshop,
        scratch_copy(workshop.project) as scratch,
        tempfile.TemporaryDirectory(prefix="isolane-home-", ignore_cleanup_errors=True) as own,
    ):
        # Many a test file asks for the home when it is imported. Those that are to meet share what they find there.
        home = os.path.realpath(own) if meetings is None else ""
        places = {"HOME": home, "PYTHONUSERBASE": site.getuserbase()} if home else {}
        orders = HuntOrders(count, seeds, request.tests, silence=request.stall_seconds, all_pairs=request.all_pairs)
        orders = replace(orders, meetings=meetings, home=home)
        plan = RunPlan(
            scratch.project if scratch else workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="hunt",
            dist=None,
            stall_seconds=_PATIENCE,
            environment={**held_environment(os.environ), **places},
            probe=("hunt", orders.encode()),
            copied=(str(scratch.original), str(scratch.copy)) if scratch else (),
        )
        observer.run_started("hunting", plan)
        execution = execute(workshop, plan, observer)
        lines = list(_lines(execution))
        obstacle = next((line["obstacle"] for line in lines if "obstacle" in line), "")
        if obstacle:
            _require_forks(request, meetings, obstacle)
            observer.run_finished("hunting", execution.record, "not in forks")
            lines = FreshHunt(workshop, execution, scratch, orders, observer).run(lines[0]["collected"])
        found = _result(lines, execution, request)
        if not obstacle:
            observer.run_finished("hunting", execution.record, f"{found.probes} probes")
        if request.shows:
            silence = request.stall_seconds
            shown = with_commands(found.findings, execution, workshop, scratch, observer, silence=silence)
            found = replace(found, findings=shown)
    notes = [f"Each probe in a new interpreter, and not in a fork, which takes longer: {obstacle}."] if obstacle else []
    notes += [] if scratch else [_IN_PLACE]
    uncollected = next((line["uncollected"] for line in lines if "uncollected" in line), 0)
    notes += [_UNCOLLECTED.format("1 error" if uncollected == 1 else f"{uncollected} errors")] if uncollected else []
    return replace(found, seconds=time.monotonic() - started, notes=tuple(notes))


def _require_forks(request: HuntRequest, meetings: tuple[Meeting, ...] | None, obstacle: str) -> None:
    if meetings is not None:
        raise IsolaneError(
            "cannot-fork",
            f"Tests that are to meet are forked, and that is not safe here: {obstacle}.",
            "isolane map tells what tests share.",
        )
    if request.only_forks:
        raise IsolaneError(
            "cannot-fork",
            f"Probes are forked, and that is not safe here: {obstacle}.",
            "isolane hunt does it in new interpreters.",
        )


def _result(lines: Sequence[dict[str, Any]], execution: Execution, request: HuntRequest) -> HuntResult:
    if not lines:
        require_tests(execution)
    for line in lines:
        if "unknown" in line:
            raise UsageError(
                "unknown-test",
                f"pytest finds no test {', '.join(line['unknown'])} in {request.project.resolve()}.",
                "Name it as pytest does: pytest --collect-only -q lists them, and the files that it cannot collect.",
            )
    if not lines or "probes" not in lines[-1]:
        raise IsolaneError("broke-off", "the hunt did not come to its end.", f"See {execution.directory}.")
    surveyed: dict[str, Any] = next((line["survey"] for line in lines if "survey" in line), {})
    # What pairs have shown of a test that was known already comes after what was known of it.
    told = [Finding.from_data(line["finding"]) for line in lines if "finding" in line]
    findings = {(one.test, one.needed if one.shared else ()): one for one in told}
    pairs: dict[str, Any] = next((line for line in lines if "pairs" in line), {})
    return HuntResult(
        list(findings.values()),
        tests=next((line["tests"] for line in lines if "tests" in line), 0),
        orders=surveyed.get("orders", 0),
        dirty=pairs.get("dirty") or surveyed.get("dirty", ()),
        probes=lines[-1]["probes"],
        serial_seconds=surveyed.get("seconds", 0.0),
        pairs=(pairs["pairs"][0], pairs["pairs"][1]) if pairs else None,
        pair_seconds=pairs.get("seconds", 0.0),
        alike=pairs.get("alike", 0),
    )


def _lines(execution: Execution) -> Iterator[dict[str, Any]]:
    try:
        lines = (execution.directory / FINDINGS_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        yield json.loads(line)
