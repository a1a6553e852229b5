"""A run of ``isolane hunt``: nothing runs in the session itself, all of it in probes.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from isolane.engines.scratch import ScratchKeeper
from isolane.model.hunt import Finding, HuntOrders, Sort
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.planning.collisions import collision, without_company
from isolane.planning.hunt import Search, Suspect, carriers, cleaner, hunt
from isolane.planning.pairs import all_pairs, with_all_others
from isolane.planning.seeds import MOST_BROKEN, by_its_numbers
from isolane.planning.survey import Survey, survey
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.hunt.copied import import_from_copy
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
        self._known: list[str] = []
        """Tests that may well be what another one fails after."""
        self._settled: list[tuple[str, ...]] = []
        """What has been found for other tests."""

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
        if self._orders.meetings is not None:
            known = set(tests)
            for meeting in self._orders.meetings:
                if {meeting.first, meeting.second} <= known:
                    for finding in (yield from collision(meeting)):
                        self._write({"finding": finding.as_data()})
            self._write({"probes": prober.probes, "ran": prober.tests, "tests": len(tests)})
            return
        wanted = [one for one in tests if any(one == asked or one.endswith(asked) for asked in self._orders.wanted)]
        unknown = [asked for asked in self._orders.wanted if not any(one.endswith(asked) for one in wanted)]
        if unknown:
            self._write({"unknown": unknown})
            return
        found = yield from survey(tests, self._orders.seeds, wanted)
        self._write({"survey": _as_data(found), "tests": len(tests)})
        self._known = list(found.dirty)
        findings = {test: Finding(test, Sort.BROKEN, outcome) for test, outcome in found.broken.items()}
        for place, finding in enumerate(list(findings.values())):
            if place < MOST_BROKEN:
                finding = findings[finding.test] = yield from by_its_numbers(finding)  # noqa: PLW2901
            self._write({"finding": finding.as_data()})
        for suspect in found.suspects:
            findings[suspect.test] = yield from self._look_into(prober, suspect, tests)
            self._write({"finding": findings[suspect.test].as_data()})
        if self._orders.all_pairs:
            yield from self._pairs(prober, tests, wanted or tests, found.dirty, findings)
        self._write({"probes": prober.probes, "ran": prober.tests, "seconds": time.monotonic() - started})

    def _look_into(self, prober: Prober, suspect: Suspect, tests: Sequence[str]) -> Search[Finding]:
        """Find what a test ends otherwise after, and what carries it."""
        begun, before = time.monotonic(), prober.probes
        finding = yield from hunt(suspect, self._known, are_different, self._settled)
        if self._orders.count > 1:
            finding = yield from without_company(finding, are_different)
        if finding.needed:
            finding = yield from by_its_numbers((yield from carriers(finding)))
        if finding.needed:
            self._known = list(dict.fromkeys([*chain(finding.needed, *finding.others), *self._known]))
            if self._orders.cleaners and suspect.is_hidden and finding.needed not in self._settled:
                finding = yield from cleaner(finding, tests)
            if finding.needed not in self._settled:
                self._settled.append(finding.needed)
        return replace(finding, probes=prober.probes - before, seconds=time.monotonic() - begun)

    def _pairs(
        self,
        prober: Prober,
        tests: Sequence[str],
        wanted: Sequence[str],
        dirty: Sequence[str],
        findings: Mapping[str, Finding],
    ) -> Search[None]:
        """Run each test after each that leaves something; of one that is known already, tell who else does it."""
        begun = time.monotonic()
        found = yield from all_pairs(tests, wanted, dirty)
        self._write({"pairs": [found.told, found.of], "dirty": list(found.dirty), "seconds": time.monotonic() - begun})
        for turned in found.turned:
            finding = findings.get(turned.test)
            if finding is None or finding.sort is Sort.BROKEN:
                # A test that the orders have hidden: cleaners run between the two, in each of them.
                suspect = Suspect(turned.test, turned.alone, turned.after[-1:], is_hidden=True)
                finding = yield from self._look_into(prober, suspect, tests)
            if finding.needed:
                finding = yield from with_all_others(finding, turned.after)
            self._write({"finding": finding.as_data()})

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


def start_hunting(config: pytest.Config, handover: Handover) -> None:
    """Register what hunts, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Of probes there is nothing to measure.
    orders = HuntOrders.decode(handover.probe[1])
    if orders.original and orders.copy:
        import_from_copy(orders.original, orders.copy)
    config.pluginmanager.register(Hunter(config, Path(handover.run_directory), orders), "isolane-hunt")
