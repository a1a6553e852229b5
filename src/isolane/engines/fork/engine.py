"""Runs a plan over forked workers: the tests are collected once, in the process that forks them.

What happens in that process is the plugin's business (:mod:`isolane.pytest_plugin.fork`) and the controller's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isolane.engines.base import RunLog
from isolane.engines.pytest_process import run_pytest, worker_command
from isolane.model.events import Event
from isolane.model.plan import RunPlan


@dataclass(frozen=True)
class ForkEngine:
    """pytest with ``-n`` and ``--dist``, whose workers are forked. log: where this run's events go.

    Only where the plan says ``fork`` is it that or an error. Else the process decides when it knows the suite's
    plugins and threads, takes xdist's workers where forking is not safe, and says so in the log's header.
    """

    overlay: Path
    log: RunLog
    name: str = "fork"

    def command(self, plan: RunPlan) -> tuple[str, ...]:
        """Return pytest's command with the plan's workers."""
        return worker_command(plan)

    def run(self, plan: RunPlan) -> Iterator[Event]:
        """Run it."""
        return run_pytest(plan, self.command(plan), self.log, self.overlay)
