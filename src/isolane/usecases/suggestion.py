"""The command that a person types to see a run again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from isolane.model.plan import RunPlan
from isolane.usecases.workshop import Workshop


@dataclass(frozen=True)
class Suggestion:
    """text: for a shell, from anywhere. plan: what the text runs, for the check that it shows what it should."""

    text: str
    plan: RunPlan


def suggest(workshop: Workshop, plan: RunPlan, added: tuple[str, ...]) -> Suggestion:
    """Return the shortest command that does what ``plan`` does.

    added: what isolane itself had put before the arguments. Plain pytest where that can do it; pytest with
    isolane's options where the project has isolane; else ``isolane run``, which brings it along.
    """
    asks_plugin = plan.seed is not None or plan.order is not None
    asks_xdist = bool(plan.workers)
    has_isolane = workshop.interpreter.has("isolane")
    has_xdist = workshop.interpreter.has("pytest-xdist")
    if (asks_plugin and not has_isolane) or (asks_xdist and not has_xdist):
        return Suggestion(_isolane_run(plan), plan)
    arguments = [argument for argument in added if argument not in plan.arguments]
    if plan.seed is not None:
        arguments += ["--isolane-seed", str(plan.seed)]
    if plan.order is not None:
        arguments += ["--isolane-order", _short(plan.order, plan.project)]
    python = _short(Path(plan.python), plan.project)
    typed = replace(plan, python=python, arguments=(*arguments, *plan.arguments), seed=None, order=None)
    engine, _ = workshop.engine_for(typed)
    text = f"cd {shlex.quote(str(plan.project))} && {shlex.join(engine.command(typed))}"
    return Suggestion(text, typed)


def _short(path: Path, project: Path) -> str:
    """Return a path as it is typed in the project's folder."""
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _isolane_run(plan: RunPlan) -> str:
    words = ["isolane", "run", str(plan.project), "--python", plan.python]
    if plan.workers:
        words += ["-n", str(plan.workers)]
    if plan.seed is not None:
        words += ["--seed", str(plan.seed)]
    if plan.order is not None:
        words += ["--order", str(plan.order)]
    if plan.arguments:
        words += ["--", *plan.arguments]
    return shlex.join(words)
