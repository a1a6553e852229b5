"""The command that a person types to see a run again."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from isolane.model.plan import ISOLATION_VARIABLE, RunPlan
from isolane.planning.workers import VARIABLE
from isolane.usecases.workshop import Workshop


@dataclass(frozen=True)
class Suggestion:
    """text: for a shell, where isolane was started. plan: what it runs, for the check that it shows what it should."""

    text: str
    plan: RunPlan


def suggest(workshop: Workshop, plan: RunPlan, added: tuple[str, ...]) -> Suggestion:
    """Return the shortest command that does what ``plan`` does.

    added: what isolane itself had put before the arguments. Plain pytest where that can do it; pytest with
    isolane's options where the project has isolane; else ``isolane run``, which brings it along. Workers of a project
    that lacks isolane are xdist's, unless isolane comes along.
    """
    asks_xdist = bool(plan.workers)
    asks_plugin = plan.seed is not None or plan.order is not None or (asks_xdist and plan.engine != "xdist")
    has_isolane = workshop.interpreter.has("isolane")
    has_xdist = workshop.interpreter.has("pytest-xdist")
    if (asks_plugin and not has_isolane) or (asks_xdist and not has_xdist):
        return Suggestion(_isolane_run(plan), plan)
    arguments = [argument for argument in added if argument not in plan.arguments]
    if plan.seed is not None:
        arguments += ["--isolane-seed", str(plan.seed)]
    if plan.order is not None:
        arguments += ["--isolane-order", _short(plan.order, plan.project)]
    typed_engine = plan.engine if has_isolane and asks_xdist else None
    if typed_engine:
        arguments += ["--isolane-engine", typed_engine]
    python = _short(Path(plan.python), plan.project)
    environment = dict(plan.environment)
    if not has_isolane:
        environment.pop(ISOLATION_VARIABLE, None)
    if has_isolane and not plan.workers and os.environ.get(VARIABLE):
        environment[VARIABLE] = "1"  # typed in a shell that has it, the command would have workers
    typed = replace(
        plan,
        python=python,
        arguments=(*arguments, *plan.arguments),
        environment=environment,
        engine=None if typed_engine else plan.engine,
        seed=None,
        order=None,
    )
    engine, _ = workshop.engine_for(typed)
    text = f"cd {shlex.quote(str(plan.project))} && {_assignments(typed)}{shlex.join(engine.command(typed))}"
    return Suggestion(text, typed)


def _short(path: Path, folder: Path) -> str:
    """Return a path as it is typed in that folder."""
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def replay_words(project: Path, run_id: str, worker: str, node_id: str) -> str:
    """Return the command that runs again, in one process, what a worker had run up to a test."""
    where = [] if project.resolve() == Path.cwd() else ["--project", str(project)]
    return shlex.join([*own_command(), "replay", run_id, "--worker", worker, "--until", node_id, *where])


def own_command() -> list[str]:
    """Return how this isolane is called from the current folder: by its name, where the PATH leads to this one.

    Else by its path, which is relative below the current folder; where it is not installed as a program, by its
    interpreter.
    """
    called = Path(sys.argv[0])
    beside = Path(sys.executable).with_name("isolane")
    ours = next((path for path in (called, beside) if path.name == "isolane" and path.is_file()), None)
    if ours is None:
        return [_from_here(Path(sys.executable)), "-m", "isolane"]
    found = shutil.which("isolane")
    return ["isolane" if found and ours.samefile(found) else _from_here(ours)]


def _from_here(path: Path) -> str:
    """Return a program's path as it is typed in the current folder. Links are not followed: their name matters."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - as said
    return f"./{whole.name}" if whole.parent == Path.cwd() else _short(whole, Path.cwd())


def _assignments(plan: RunPlan) -> str:
    """Return what stands before the command for the plan's environment."""
    return "".join(f"{name}={shlex.quote(value)} " for name, value in plan.environment.items())


def _isolane_run(plan: RunPlan) -> str:
    words = [*own_command(), "run", str(plan.project), "--python", plan.python]
    if plan.workers:
        words += ["-n", str(plan.workers), *(["--engine", plan.engine] if plan.engine else [])]
    if plan.seed is not None:
        words += ["--seed", str(plan.seed)]
    if plan.order is not None:
        words += ["--order", str(plan.order)]
    if plan.arguments:
        words += ["--", *plan.arguments]
    return _assignments(plan) + shlex.join(words)
