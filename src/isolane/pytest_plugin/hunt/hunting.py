"""A run of ``isolane hunt``: nothing runs in the session itself, all of it in probes.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isolane.engines.scratch import ScratchKeeper
from isolane.model.hunt import HuntOrders
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.planning.whole_hunt import WholeHunt
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.hunt.prober import Prober
from isolane.pytest_plugin.options import number_of
from isolane.statistics.flake_rate import are_different


class Hunter:
    """Takes the place of the loop that runs tests."""

    def __init__(self, config: pytest.Config, handover: Handover, orders: HuntOrders) -> None:
        self._file = Path(handover.run_directory) / FINDINGS_NAME
        self._copied = handover.copied
        self._orders = orders
        self._state = ControllerState()
        self._silence = orders.silence or number_of(config, "worker-timeout")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Let it come to its end, and each probe to its own, whatever the project's settings say."""
        session.config.option.maxfail = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Hunt."""
        uncollected, session.testsfailed = session.testsfailed, 0
        obstacle = safety.obstacle_of_platform() or safety.obstacle_of_threads() or safety.obstacle_of_event_loop()
        if uncollected and (obstacle is not None or not session.items):
            raise session.Interrupted(f"{uncollected} errors during collection")
        if obstacle is not None:
            self._write({"obstacle": obstacle, "collected": [item.nodeid for item in session.items]})
            return True
        if session.items:
            if uncollected:
                self._write({"uncollected": uncollected})
            keeper = ScratchKeeper(*map(Path, self._copied)) if self._copied else None
            prober = Prober(
                session,
                self._orders.count,
                self._state,
                self,
                silence=self._silence,
                keeper=keeper,
                home=Path(self._orders.home) if self._orders.home else None,
            )
            whole = WholeHunt(
                self._orders,
                [item.nodeid for item in session.items],
                tell=self._write,
                probes=lambda: prober.probes,
                are_different=are_different,
            )
            try:
                prober.drive(whole.search())
            finally:
                prober.close()
            self._write({"probes": prober.probes})
        return True

    def _write(self, line: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")


def start_hunting(config: pytest.Config, handover: Handover) -> None:
    """Register what hunts, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Of probes there is nothing to measure.
    orders = HuntOrders.decode(handover.probe[1])
    config.pluginmanager.register(Hunter(config, handover, orders), "isolane-hunt")
