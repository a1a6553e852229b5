"""Runs a plan in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isolane.engines.base import RunLog
from isolane.engines.pytest_process import run_pytest
from isolane.model.events import Event
from isolane.model.plan import RunPlan


@dataclass(frozen=True)
class SerialEngine:
    """pytest as it is, in one process. log: where this run's events go."""

    overlay: Path
    log: RunLog
    name: str = "serial"

    def command(self, plan: RunPlan) -> tuple[str, ...]:
        """Return ``python -m pytest`` with the plan's arguments."""
        return (plan.python, "-m", "pytest", *plan.arguments)

    def run(self, plan: RunPlan) -> Iterator[Event]:
        """Run it."""
        return run_pytest(plan, self.command(plan), self.log, self.overlay)
