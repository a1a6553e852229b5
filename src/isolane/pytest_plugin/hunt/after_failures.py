"""``--isolane-hunt``: after a run with failures those that pass alone are hunted, and the summary says what it was."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest

from isolane.coordination.processors import available_processors
from isolane.model.hunt import Finding, Probe
from isolane.model.outcome import MISSING
from isolane.planning.carriers import carriers
from isolane.planning.collisions import without_company
from isolane.planning.hunt import Suspect, hunt
from isolane.planning.inputs import by_its_inputs
from isolane.planning.search import Batch
from isolane.planning.survey import dirty_tests
from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.exception_names import NAMES_PLUGIN, exception_names
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.hunt.pristine import PristineProcess
from isolane.pytest_plugin.hunt.prober import Prober
from isolane.pytest_plugin.state.start import WATCH_PLUGIN
from isolane.statistics.flake_rate import are_different

MOST_HUNTED = 20
"""Failed tests that are looked into; the others have the same causes, more often than not."""


class HuntAfterFailures:
    """Notes what ran before each test that failed, and asks a process in which nothing has run."""

    def __init__(self, state: ControllerState) -> None:
        self._state = state
        self._process: PristineProcess | None = None
        self._obstacle = ""
        self._ran: dict[str, list[str]] = {}
        """By worker: the tests that ran in it, in order."""
        self._failed: dict[str, list[str]] = {}
        """By test: what had run before it in its worker."""
        self._findings: list[Finding] = []
        self._well_alone = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Keep a process as it is now; ask it when the tests have run."""
        config = session.config
        if engine_of(config).name == "xdist":
            self._obstacle = "xdist's workers collect for themselves"
        else:
            self._obstacle = safety.obstacle_of_threads() or safety.obstacle_of_event_loop() or ""
        if not self._obstacle and session.items and not session.testsfailed:
            self._process = PristineProcess(lambda question: self._answer(session, question))
        try:
            result = yield
        except BaseException:
            # -x and --maxfail end the loop so; Ctrl-C, too, and then nobody waits for an answer.
            if session.shouldfail and not session.shouldstop:
                self._ask()
            raise
        else:
            self._ask()
            return result
        finally:
            if self._process is not None:
                self._process.close()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of the order, and of failures."""
        ran = self._ran.setdefault(getattr(report, "worker_id", ""), [])
        if report.when == "setup":
            ran.append(report.nodeid)
        if report.outcome == "failed" and report.nodeid not in self._failed:
            self._failed[report.nodeid] = [one for one in ran if one != report.nodeid]

    def _ask(self) -> None:
        if self._process is None or not self._failed:
            return
        for line in self._process.ask(json.dumps(dict(list(self._failed.items())[:MOST_HUNTED]))):
            data: dict[str, Any] = json.loads(line)
            if "finding" in data:
                self._findings.append(Finding.from_data(data["finding"]))
            else:
                self._obstacle = data["obstacle"]

    def _answer(self, session: pytest.Session, question: str) -> Iterator[str]:
        """In the process in which nothing has run: look into each of the tests."""
        config = session.config
        config.option.maxfail = 0
        coverage = sys.modules.get("coverage")
        current = coverage.Coverage.current() if coverage is not None else None
        if current is not None:
            current.stop()  # what probes run is not what the run has covered
        manager = config.pluginmanager
        if manager.hasplugin(WATCH_PLUGIN):
            manager.unregister(name=WATCH_PLUGIN)
        if manager.hasplugin(NAMES_PLUGIN):
            manager.unregister(name=NAMES_PLUGIN)
        manager.register(exception_names(config, in_one_process=False), NAMES_PLUGIN)
        prober = Prober(session, available_processors(), self._state, self)
        try:
            failed: dict[str, list[str]] = json.loads(question)
            answers = prober.ask(Batch([Probe((test,)) for test in failed]))
            known: list[str] = []
            settled: list[tuple[str, ...]] = []
            for (test, before), alone in zip(failed.items(), answers, strict=True):
                if alone is None or alone.last.is_bad or alone.last == MISSING or not before:
                    continue
                (looked,) = prober.ask(Batch([Probe((*before, test), looks=True)]))
                candidates = list(dict.fromkeys([*known, *dirty_tests(looked)]))
                finding = prober.drive(hunt(Suspect(test, alone.last, before), candidates, are_different, settled))
                finding = prober.drive(without_company(finding, are_different))
                if finding.needed:
                    finding = prober.drive(carriers(finding))
                finding = prober.drive(by_its_inputs(finding))
                if finding.needed:
                    known = list(dict.fromkeys([*finding.needed, *known]))
                    if finding.needed not in settled:
                        settled.append(finding.needed)
                yield json.dumps({"finding": replace(finding, seconds=0.0).as_data()})
        except Exception as error:  # noqa: BLE001  # the run is over and has its result: this only says less
            yield json.dumps({"obstacle": str(error).strip().splitlines()[-1]})
        finally:
            prober.close()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the polluters beside the failures."""
        if not self._failed:
            return
        from isolane.reports.hunt_text import cause_lines

        if self._findings:
            terminalreporter.write_sep("=", "isolane: these pass alone")
            for line in list(cause_lines(self._findings, terminalreporter._tw.fullwidth))[1:]:
                terminalreporter.write_line(line)
        elif self._obstacle:
            terminalreporter.write_line(f"isolane: failures were not hunted: {self._obstacle}; try isolane hunt")
        else:
            looked = min(len(self._failed), MOST_HUNTED)
            they = "failed test was run alone, and fails" if looked == 1 else "failed tests were run alone, and fail"
            terminalreporter.write_line(f"isolane: {looked} {they} there too")


def register_hunt_after_failures(config: pytest.Config, state: ControllerState) -> None:
    """Register it in the process that reports."""
    config.pluginmanager.register(HuntAfterFailures(state), "isolane-hunt-after-failures")
