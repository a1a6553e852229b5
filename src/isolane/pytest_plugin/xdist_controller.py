"""What isolane tells xdist's workers, and what it learns of them."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from isolane.coordination.workers import Assignment, Task, WorkerCoordinator
from isolane.model.clock import SystemClock

_MOST_WORKERS = 1 << 20
"""xdist decides how many there are."""

choices_key = pytest.StashKey[Mapping[str, Any]]()
"""What the controller has decided and workers must know: seed, order, record."""


def register_xdist_controller(config: pytest.Config) -> None:
    """Register it, where xdist runs the tests."""
    config.pluginmanager.register(XdistController(config.stash[choices_key]), "isolane-xdist")


class XdistController:
    """Hands each worker the choices that were made in the controller, so that all collect in the same order.

    xdist decides who runs what; the coordinator is told by the reports that come. They come after the fact, so it
    knows who runs and has run what, but not how busy a worker was.
    """

    def __init__(self, choices: Mapping[str, Any]) -> None:
        # Made by the first worker that has something to lock.
        self._locks = Path(tempfile.gettempdir(), f"isolane-locks-{uuid.uuid4().hex}")
        self._choices = {**choices, "locks": str(self._locks)}
        self.coordinator: WorkerCoordinator[str] = WorkerCoordinator(SystemClock(), maximum=_MOST_WORKERS)
        self._running: dict[str, Assignment[str]] = {}
        self._started = 0

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Add to what xdist sends along."""
        node.workerinput["isolane"] = self._choices

    def pytest_unconfigure(self) -> None:
        """Take the locks away."""
        shutil.rmtree(self._locks, ignore_errors=True)

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Note a worker that is there, and for all others which process it is."""
        node.workerinfo.setdefault("pid", _process_of(node))
        self.coordinator.register_worker(node.gateway.id)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Note a worker that has gone."""
        worker = node.gateway.id
        if worker not in self.coordinator.statistics().workers:
            return  # it died while it started, and was never there
        if error or worker in self._running:
            self._running.pop(worker, None)
            self.coordinator.worker_failed(worker)
        else:
            self.coordinator.retire(worker)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what a worker runs: it has begun with a test of which it reports the setup."""
        node: Any = getattr(report, "node", None)
        if node is None or report.when not in ("setup", "call", "teardown"):
            return
        worker = node.gateway.id
        if report.when == "teardown":
            running = self._running.pop(worker, None)
            if running is not None:
                self.coordinator.complete(running)
        elif worker in self._running:
            self.coordinator.heartbeat(worker)
        else:
            self._started += 1
            self.coordinator.queue(Task(str(self._started), report.nodeid), first=True)
            assignment = self.coordinator.assign(worker)
            if assignment is not None:
                self._running[worker] = assignment


def _process_of(node: Any) -> int | None:
    """Return the number of a worker's process; None where it is on another machine, or xdist keeps it elsewhere."""
    if not node.gateway.spec.popen:
        return None
    started: Any = getattr(getattr(node.gateway, "_io", None), "popen", None)
    return getattr(started, "pid", None)
