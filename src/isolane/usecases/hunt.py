"""``isolane hunt``: which tests end otherwise in another order, after which tests, and what carries it."""

from __future__ import annotations

import json
import os
import site
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from isolane.coordination.processors import available_processors
from isolane.engines.scratch import Scratch, scratch_copy
from isolane.model.errors import IsolaneError, UsageError
from isolane.model.hunt import Finding, HuntOrders, HuntResult, Meeting
from isolane.model.outcome import Outcome
from isolane.model.plan import FINDINGS_NAME, RunPlan
from isolane.planning.hash_seed import held_environment
from isolane.planning.workers import parse_worker_count
from isolane.usecases.execution import Execution, execute, require_tests
from isolane.usecases.hunt_commands import with_commands
from isolane.usecases.hunt_fresh import FreshProber
from isolane.usecases.hunt_imports import Collected, with_imports
from isolane.usecases.observer import Observer
from isolane.usecases.seeds import parse_seeds
from isolane.usecases.workshop import open_workshop

_IN_PLACE = "The project is too large to be copied: probes ran in it."
SEEDS = (1, 2)
"""Of the shuffled orders that are run besides the suite's own, the reversed and those with dirty tests first."""
_NO_ORDERS = "The causes of what orders change were not looked for: probes are forked, and that is not safe here: {}."
_NOT_IN_FORKS = "Each probe in a new interpreter, and not in a fork, which takes longer: {}."
_UNCOLLECTED = "{} during collection: the tests of those files were left out."
_PATIENCE = 86_400.0
"""Seconds. A hunt tells nothing while it goes on; it is its probes that are ended where nothing happens in them."""


@dataclass(frozen=True)
class HuntRequest:
    """What was asked. tests: node ids, none for all that end otherwise somewhere. arguments: for pytest.

    all_pairs: run them after each test that leaves something, too. shows: run the commands that show what is found.
    only_forks: not in new interpreters, where probes cannot be forked. imports: import each file alone, too, and see
    what its tests come to. imported: tests, and files, of which that is asked in any case, with how they end in the
    whole suite. failed: tests that failed, each with what had run before it; these are looked into, and no order is
    run.
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
    imports: bool = False
    imported: Mapping[str, Outcome] = field(default_factory=dict)
    failed: Mapping[str, Sequence[str]] | None = None


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
        _written(request.failed) as failed,
        tempfile.TemporaryDirectory(prefix="isolane-home-", ignore_cleanup_errors=True) as own,
    ):
        # Many a test file asks for the home when it is imported. Those that are to meet share what they find there.
        home = os.path.realpath(own) if meetings is None else ""
        places = {"HOME": home, "PYTHONUSERBASE": site.getuserbase()} if home else {}
        orders = HuntOrders(count, seeds, request.tests, silence=request.stall_seconds, all_pairs=request.all_pairs)
        orders = replace(orders, meetings=meetings, shows=request.shows, failed=failed, home=home)
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
        obstacle = _first(lines, "obstacle", "")
        prober = FreshProber(workshop, execution, scratch, observer, request.stall_seconds)
        if obstacle:
            _require_forks(meetings, obstacle)
            observer.run_finished("hunting", execution.record, "not in forks")
            # A proof has no time for so many starts of Python; what imports do is asked of new interpreters anyway.
            tests = _first(lines, "collected", [])
            lines += [{"probes": 0}] if request.only_forks else prober.hunt(orders, tests, request.failed)
        found = _result(lines, execution, request)
        if not obstacle:
            observer.run_finished("hunting", execution.record, f"{found.probes} probes")
        notes = [(_NO_ORDERS if request.only_forks else _NOT_IN_FORKS).format(obstacle)] if obstacle else []
        if meetings is None:
            found = _with_imports(found, lines, request, prober)
        if request.shows:
            silence, files = request.stall_seconds, _first(lines, "files", [])
            shown = with_commands(found.findings, files, execution, workshop, scratch, observer, silence=silence)
            found = replace(found, findings=shown)
        if scratch is not None:
            found = replace(found, findings=[in_original(one, scratch) for one in found.findings])
    notes += [] if scratch else [_IN_PLACE]
    uncollected = _first(lines, "uncollected", 0)
    notes += [_UNCOLLECTED.format("1 error" if uncollected == 1 else f"{uncollected} errors")] if uncollected else []
    return replace(found, seconds=time.monotonic() - started, notes=(*notes, *found.notes))


def _with_imports(
    found: HuntResult, lines: Sequence[dict[str, Any]], request: HuntRequest, prober: FreshProber
) -> HuntResult:
    """Return the result with what imports explain."""
    outcomes = _first(lines, "survey", {}).get("outcomes", {})
    collected = Collected(
        _first(lines, "files", []),
        _first(lines, "collected", []),
        _first(lines, "lost", []),
        {**{test: Outcome.parse(text) for test, text in outcomes.items()}, **request.imported},
    )
    wanted = (*request.tests, *request.imported)
    return with_imports(found, collected, wanted, everywhere=request.imports, prober=prober)


def in_original(finding: Finding, scratch: Scratch) -> Finding:
    """Return a finding that names the user's own files, and not the copies in which probes ran.

    What is in the project is named from there.
    """
    text = json.dumps(finding.as_data(), ensure_ascii=False)
    for place, ours in ((f"{scratch.project}{os.sep}", ""), (str(scratch.copy), str(scratch.original))):
        text = text.replace(json.dumps(place, ensure_ascii=False)[1:-1], json.dumps(ours, ensure_ascii=False)[1:-1])
    return Finding.from_data(json.loads(text))


@contextmanager
def _written(failed: Mapping[str, Sequence[str]] | None) -> Iterator[str]:
    """Yield the name of a file that has it; nothing where there is nothing."""
    if failed is None:
        yield ""
        return
    with tempfile.TemporaryDirectory(prefix="isolane-failed-", ignore_cleanup_errors=True) as directory:
        path = Path(directory, "failed.json")
        path.write_text(json.dumps({test: list(before) for test, before in failed.items()}), encoding="utf-8")
        yield str(path)


def _first(lines: Sequence[dict[str, Any]], name: str, default: Any) -> Any:
    return next((line[name] for line in lines if name in line), default)


def _require_forks(meetings: tuple[Meeting, ...] | None, obstacle: str) -> None:
    if meetings is not None:
        raise IsolaneError(
            "cannot-fork",
            f"Tests that are to meet are forked, and that is not safe here: {obstacle}.",
            "isolane map tells what tests share.",
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
    surveyed: dict[str, Any] = _first(lines, "survey", {})
    # What pairs have shown of a test that was known already comes after what was known of it.
    told = [Finding.from_data(line["finding"]) for line in lines if "finding" in line]
    findings = {(one.test, one.needed if one.shared else ()): one for one in told}
    pairs: dict[str, Any] = next((line for line in lines if "pairs" in line), {})
    return HuntResult(
        list(findings.values()),
        tests=_first(lines, "tests", 0),
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
