"""A run of ``isolane hunt``: nothing runs in the session itself, all of it in probes.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from isolane.engines.scratch import ScratchKeeper
from isolane.model.hunt import Finding, HuntOrders, Sort
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.planning.hunt import Search, carriers, cleaner, hunt
from isolane.planning.survey import Survey, survey
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.hunt.prober import Prober
from isolane.pytest_plugin.options import number_of
from isolane.statistics.flake_rate import are_different


class Hunter:
    """Takes the place of the loop that runs tests."""

    def __init__(self, config: pytest.Config, directory: Path, orders: HuntOrders) -> None:
        self._file = directory / FINDINGS_NAME
        self._orders = orders
        self._state = ControllerState()
        self._silence = orders.silence or number_of(config, "worker-timeout")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Hunt."""
        if session.testsfailed:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        obstacle = safety.obstacle_of_threads() or safety.obstacle_of_event_loop()
        if obstacle is not None:
            self._write({"obstacle": obstacle})
            return True
        session.config.option.maxfail = 0  # a probe goes on to its end, whatever the project's settings say
        if session.items:
            original, copy = self._orders.original, self._orders.copy
            keeper = ScratchKeeper(Path(original), Path(copy)) if original and copy else None
            prober = Prober(session, self._orders.count, self._state, self, silence=self._silence, keeper=keeper)
            try:
                prober.drive(self._search(prober, [item.nodeid for item in session.items]))
            finally:
                prober.close()
        return True

    def _search(self, prober: Prober, tests: Sequence[str]) -> Search[None]:
        started = time.monotonic()
        wanted = [one for one in tests if any(one == asked or one.endswith(asked) for asked in self._orders.wanted)]
        unknown = [asked for asked in self._orders.wanted if not any(one.endswith(asked) for one in wanted)]
        if unknown:
            self._write({"unknown": unknown})
            return
        found = yield from survey(tests, self._orders.seeds, wanted)
        self._write({"survey": _as_data(found), "tests": len(tests)})
        for test, outcome in found.broken.items():
            self._write({"finding": Finding(test, Sort.BROKEN, outcome).as_data()})
        known = list(found.dirty)
        settled: list[tuple[str, ...]] = []
        for suspect in found.suspects:
            begun, before = time.monotonic(), prober.probes
            finding = yield from hunt(suspect, known, are_different, settled)
            if finding.needed:
                finding = yield from carriers(finding)
                known = list(dict.fromkeys([*chain(finding.needed, *finding.others), *known]))
                if self._orders.cleaners and suspect.is_hidden and finding.needed not in settled:
                    finding = yield from cleaner(finding, tests)
                if finding.needed not in settled:
                    settled.append(finding.needed)
            finding = replace(finding, probes=prober.probes - before, seconds=time.monotonic() - begun)
            self._write({"finding": finding.as_data()})
        self._write({"probes": prober.probes, "ran": prober.tests, "seconds": time.monotonic() - started})

    def _write(self, line: dict[str, Any]) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")


def _as_data(found: Survey) -> dict[str, Any]:
    return {
        "suspects": [one.test for one in found.suspects],
        "broken": list(found.broken),
        "dirty": list(found.dirty),
        "orders": found.orders,
        "seconds": found.seconds,
    }


def _in_copy(entry: str, original: str, copy: str) -> str:
    """Return where a place to import from is in the copy: a project that is installed as it stands names its own."""
    if not Path(entry).is_relative_to(original):
        return entry
    place = Path(copy, Path(entry).relative_to(original))
    return str(place) if place.exists() else entry


def start_hunting(config: pytest.Config, handover: Handover) -> None:
    """Register what hunts, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Of probes there is nothing to measure.
    orders = HuntOrders.decode(handover.probe[1])
    if orders.original and orders.copy:
        sys.path[:] = [_in_copy(entry, orders.original, orders.copy) for entry in sys.path]
    config.pluginmanager.register(Hunter(config, Path(handover.run_directory), orders), "isolane-hunt")
