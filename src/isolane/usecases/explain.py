"""``isolane explain``: one test once more, and the lines that changed what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from isolane.model.errors import IsolaneError, UsageError
from isolane.model.explanation import Explained, Explanation
from isolane.model.outcome import Category
from isolane.model.plan import AT_IMPORT, EXPLANATIONS_NAME, RunPlan
from isolane.model.state import Change, Level
from isolane.usecases.execution import Execution, execute, require_tests
from isolane.usecases.observer import Observer
from isolane.usecases.workshop import open_workshop

_SHOWN_TESTS = 3


@dataclass(frozen=True)
class ExplainRequest:
    """What was asked. test: a node id, as pytest takes it. arguments: for pytest, before it."""

    test: str
    project: Path = Path()
    python: str | None = None
    arguments: tuple[str, ...] = ()
    stall_seconds: float | None = None


def explain(request: ExplainRequest, observer: Observer) -> Explanation:
    """Run the test to see what it leaves, then under tracing to see where that comes from.

    Raises :class:`~isolane.model.errors.UsageError` where pytest finds no such test, or several.
    """
    with open_workshop(request.project, request.python) as workshop:
        plan = RunPlan(
            workshop.project,
            workshop.interpreter.python,
            (*request.arguments, request.test),
            label="explain",
            dist=None,
            stall_seconds=request.stall_seconds,
            probe=("explain",),
        )
        observer.run_started("looking", plan)
        looked = execute(workshop, plan, observer)
        test = _the_test(request.test, looked)
        found = list(_explained(looked))
        leaks = [one for one in found if one.leak.change.level is not Level.HARMLESS]
        observer.run_finished("looking", looked.record, _counted(len(leaks)))
        traced = looked
        if leaks:
            kinds = dict.fromkeys(f"{AT_IMPORT if one.at_import else ''}{one.leak.change.kind}" for one in leaks)
            plan = replace(plan, probe=("explain", *kinds))
            observer.run_started("tracing", plan)
            traced = execute(workshop, plan, observer)
            blamed = [*_explained(traced), *found]
            leaks = [_with_blame(one, blamed) for one in leaks]
            observer.run_finished("tracing", traced.record, "")
    return Explanation(
        test,
        str(looked.record.outcomes.get(test, "")),
        str(traced.record.outcomes.get(test, "")),
        leaks,
        len(found) - len(leaks),
        traced.directory.name,
    )


def _the_test(asked: str, looked: Execution) -> str:
    """Return the node id of the one test that was run."""
    record = looked.record
    tests = record.node_ids
    if len(tests) > 1:
        more = f" and {len(tests) - _SHOWN_TESTS} more" if len(tests) > _SHOWN_TESTS else ""
        shown = ", ".join(tests[:_SHOWN_TESTS])
        raise UsageError("several-tests", f"{asked} is {len(tests)} tests: {shown}{more}.", "Name one of them.")
    if record.exit_code == 4 and not tests and not record.collection_failures and "not found: " in looked.output:
        raise UsageError(
            "unknown-test",
            f"pytest finds no test {asked} in {looked.plan.project}.",
            "Name it as pytest does: pytest --collect-only -q lists them.",
        )
    require_tests(looked)
    if not tests or tests[0] not in record.outcomes:
        raise IsolaneError("not-run", f"{asked} was not run.", f"See {looked.directory}.")
    if record.outcomes[tests[0]].category in (Category.CRASHED, Category.HUNG):
        raise IsolaneError(
            "did-not-end",
            f"{tests[0]} {record.outcomes[tests[0]]}: what it leaves, nobody could look at.",
            f"See {looked.directory}.",
        )
    return tests[0]


def _explained(execution: Execution) -> Iterator[Explained]:
    try:
        lines = (execution.directory / EXPLANATIONS_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        yield Explained.from_plain(json.loads(line))


_LIKENESSES: tuple[Callable[[Change], object], ...] = (
    lambda change: (change.kind, change.name),
    lambda change: change.place,
    lambda change: (change.kind, change.after),
)
"""How to know a change again, the surest way first.

A name may be another the second time: a key of a container stands for another of it, and a thread with another number
for one that does the same.
"""


def _with_blame(one: Explained, traced: list[Explained]) -> Explained:
    """Return the leak with what tracing has found of it; what was left at import is its module's."""
    others = [
        other
        for other in traced
        if other.blame
        and other.at_import == one.at_import
        and (not one.at_import or other.leak.owner == one.leak.owner)
    ]
    for likeness in _LIKENESSES:
        for other in others:
            if likeness(other.leak.change) == likeness(one.leak.change):
                return replace(one, blame=other.blame)
    return one


def _counted(leaks: int) -> str:
    return f"{leaks} leak{'' if leaks == 1 else 's'}" if leaks else "nothing left behind"
