"""``isolane map``: what each test touches outside its process, and which must not run at the same time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolane.model.plan import TOUCHES_NAME, RunPlan
from isolane.model.touch import Sort, TestTouches, Touch, TouchMap
from isolane.planning.conflicts import conflicts_among
from isolane.usecases.execution import execute, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.workshop import open_workshop

NOT_SEEN = (
    "what programs and forked processes do that a test starts",
    "which environment variables are read",
    "what extension modules do by themselves",
    "which rows of a database are written: who opens it may write it",
)


@dataclass(frozen=True)
class MapRequest:
    """What was asked. arguments: for pytest."""

    project: Path = Path()
    python: str | None = None
    arguments: tuple[str, ...] = ()
    stall_seconds: float | None = None


def map_suite(request: MapRequest, observer: Observer) -> TouchMap:
    """Run the suite once, in one process, and return what it touched."""
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            request.arguments,
            label="map",
            dist=None,
            stall_seconds=request.stall_seconds,
            probe=("map",),
        )
        observer.run_started("map", plan)
        execution = execute(workshop, plan, observer)
        observer.run_finished("map", execution.record, "")
    require_tests(execution)
    path = execution.directory / TOUCHES_NAME
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    tests = _tests(lines)
    outcomes = execution.record.outcomes
    return TouchMap(
        tests,
        frozenset(one for line in lines if "at_import" in line for one in _touches(line["at_import"]) if one.writes),
        conflicts_among(tests),
        sum(outcome.is_bad for outcome in outcomes.values()),
        execution.directory.name,
        len(outcomes),
        NOT_SEEN,
    )


def _tests(lines: Iterable[dict[str, Any]]) -> list[TestTouches]:
    """Return the tests with what they and their fixtures touched; what is only read, where somebody writes it."""
    own = {line["test"]: line for line in lines if "test" in line}
    fixtures = {tuple(line["fixture"]): _touches(line["touches"]) for line in lines if "fixture" in line}
    whole = {
        test: _touches(line["touches"]).union(*(fixtures.get(tuple(one), frozenset()) for one in line["fixtures"]))
        for test, line in own.items()
    }
    written = {touch.resource for touches in whole.values() for touch in touches if touch.writes}
    return [
        TestTouches(
            test,
            frozenset(
                one
                for one in touches
                if one.writes
                or one.sort is not Sort.FILE
                or (one.resource in written and Touch(one.sort, one.name) not in touches)
            ),
            frozenset((name, exclusive) for name, exclusive in own[test]["resources"]),
            own[test]["alone"],
        )
        for test, touches in whole.items()
    ]


def _touches(plain: Iterable[list[Any]]) -> frozenset[Touch]:
    return frozenset(Touch(Sort(sort), name, writes) for sort, name, writes in plain)
