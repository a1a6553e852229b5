"""A project with its interpreter, its engines and the place for its records: what every verb runs plans with."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isolane.engines.base import Engine
from isolane.engines.fork.engine import ForkEngine
from isolane.engines.interpreter import Interpreter, find_interpreter
from isolane.engines.overlay import make_overlay
from isolane.engines.serial import SerialEngine
from isolane.engines.xdist import XdistEngine
from isolane.history.event_log import RunLogFile
from isolane.history.runs import prune, run_names, runs_to_keep, writable_home
from isolane.model.errors import ProjectError
from isolane.model.identity import new_run_id
from isolane.model.plan import RunPlan


@dataclass(frozen=True)
class Workshop:
    """Where and with what a project's plans are run. note: why records are not in the project, if they are not."""

    project: Path
    interpreter: Interpreter
    home: Path
    note: str | None

    def engine_for(self, plan: RunPlan) -> tuple[Engine, Path]:
        """Return the engine that runs the plan, and where its record goes.

        Without workers it is serial; with them fork, which may leave it to xdist, unless the plan asks for xdist.
        """
        overlay = make_overlay(self.home, with_xdist=bool(plan.workers) and not self.interpreter.has("pytest-xdist"))
        directory = self.home / "runs" / new_run_id(time.time(), plan.label)
        log = RunLogFile(directory)
        if not plan.workers:
            return SerialEngine(overlay, log), directory
        if plan.engine == XdistEngine.name:
            return XdistEngine(overlay, log), directory
        return ForkEngine(overlay, log), directory


@contextlib.contextmanager
def open_workshop(project: Path, python: str | None) -> Iterator[Workshop]:
    """Yield what runs this project's plans. Raises :class:`~isolane.model.errors.ProjectError` where it cannot."""
    project = project.resolve() if project.exists() else project
    interpreter = find_interpreter(project, python)
    with writable_home(project) as (home, note):
        if os.pathsep in str(home) and not interpreter.has("isolane"):
            raise ProjectError(
                "path-separator",
                f"PYTHONPATH, which brings isolane along, cannot name {home}: there is a {os.pathsep!r} in it.",
                "Give the folder another name, or install isolane beside the project's pytest.",
            )
        earlier = len(run_names(project))
        yield Workshop(project, interpreter, home, note)
        # Those that were made just now stay, however many: what is printed of them names their files.
        prune(project, max(runs_to_keep(project), len(run_names(project)) - earlier))
