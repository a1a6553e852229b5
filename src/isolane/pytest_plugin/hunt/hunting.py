"""A run of ``isolane hunt``: nothing runs in the session itself, all of it in probes.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from isolane.engines.scratch import ScratchKeeper
from isolane.model.hunt import Finding, HuntOrders
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.planning.compare import same_outcome
from isolane.planning.imports import CONFTEST, is_below
from isolane.planning.whole_hunt import WholeHunt
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.hunt.prober import Prober
from isolane.pytest_plugin.hunt.set_aside import SetAside
from isolane.pytest_plugin.options import number_of
from isolane.statistics.flake_rate import are_different


class Hunter:
    """Takes the place of the loop that runs tests."""

    def __init__(self, config: pytest.Config, handover: Handover, orders: HuntOrders) -> None:
        self._file = Path(handover.run_directory) / FINDINGS_NAME
        self._copied = handover.copied
        self._orders = orders
        self._state = ControllerState()
        self._files: dict[str, bool] = {}
        """What has been imported, in that order, and whether it could be."""
        self._silence = orders.silence or number_of(config, "worker-timeout")
        self._aside: SetAside | None = None
        self._shown: list[str] = []
        """The tests that it was asked to run."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Let it come to its end, and each probe to its own, whatever the project's settings say."""
        session.config.option.maxfail = 0
        if self._orders.shows and len(self._orders.wanted) == 1 and self._orders.meetings is None and not _obstacle():
            self._aside = SetAside(session, self)
            session.config.add_cleanup(self._aside.close)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Take note of the files."""
        if "::" not in report.nodeid and report.nodeid.rpartition("/")[2].rpartition(".")[0]:
            self._files[report.nodeid] = report.passed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Hunt."""
        uncollected, session.testsfailed = session.testsfailed, 0
        obstacle = _obstacle()
        if uncollected and (obstacle is not None or not session.items):
            raise session.Interrupted(f"{uncollected} errors during collection")
        if session.items:
            files = list(self._imported(session.config))
            self._write({"files": files, "collected": [item.nodeid for item in session.items]})
        if obstacle is not None:
            self._write({"obstacle": obstacle})
            return True
        if session.items:
            if uncollected:
                lost = [file for file, is_well in self._files.items() if not is_well]
                self._write({"uncollected": uncollected, "lost": lost})
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
                tell=lambda line: self._told(line, prober),
                probes=lambda: prober.probes,
                are_different=are_different,
                failed=json.loads(Path(self._orders.failed).read_text("utf-8")) if self._orders.failed else None,
            )
            try:
                prober.drive(whole.search())
            finally:
                prober.close()
            self._write({"probes": prober.probes})
        return True

    def _told(self, line: dict[str, Any], prober: Prober) -> None:
        """Take what the hunt tells. What it has found is shown by the tests' own command, beside its last probes."""
        aside = self._aside
        if aside is not None and "needed" in line and not prober.is_alone and aside.ask(line["needed"]):
            self._shown = line["needed"]
        elif aside is not None and "finding" in line:
            finding = Finding.from_data(line["finding"])
            if self._shown == [*finding.needed, finding.test] and finding.after is not None:
                shown = same_outcome(aside.answer(), finding.after)
                line = {"finding": replace(finding, shown=shown or None).as_data()}
        if "needed" not in line:
            self._write(line)

    def _imported(self, config: pytest.Config) -> Iterator[str]:
        """Yield the files as node ids name them, each behind the conftests that are imported for it."""
        root = config.rootpath
        waiting = {
            Path(os.path.relpath(str(file), root)).as_posix()
            for plugin in config.pluginmanager.get_plugins()
            if Path(str(file := getattr(plugin, "__file__", ""))).name == CONFTEST
        }
        for one in self._files:
            if (root / one).is_file():
                first = sorted((other for other in waiting if is_below(one, other)), key=len)
                waiting.difference_update(first)
                yield from (*first, one)
        yield from sorted(waiting)

    def _write(self, line: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")


def _obstacle() -> str | None:
    return safety.obstacle_of_platform() or safety.obstacle_of_threads() or safety.obstacle_of_event_loop()


def start_hunting(config: pytest.Config, handover: Handover) -> None:
    """Register what hunts, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Of probes there is nothing to measure.
    orders = HuntOrders.decode(handover.probe[1])
    config.pluginmanager.register(Hunter(config, handover, orders), "isolane-hunt")
