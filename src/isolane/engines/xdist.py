"""Runs a plan over pytest-xdist's workers, with xdist as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from isolane.engines.base import RunLog
from isolane.engines.pytest_process import run_pytest, worker_command
from isolane.model.events import Event
from isolane.model.plan import RunPlan


@dataclass(frozen=True)
class XdistEngine:
    """pytest with ``-n`` and ``--dist``. log: where this run's events go."""

    overlay: Path
    log: RunLog
    name: str = "xdist"

    def command(self, plan: RunPlan) -> tuple[str, ...]:
        """Return pytest's command with the plan's workers."""
        return worker_command(plan)

    def run(self, plan: RunPlan) -> Iterator[Event]:
        """Run it."""
        return run_pytest(replace(plan, engine=self.name), self.command(plan), self.log, self.overlay)
