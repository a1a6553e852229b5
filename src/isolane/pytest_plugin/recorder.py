"""Turns pytest's hooks into the run's events. Lives in the process that reports: the controller, or a serial run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from isolane import __version__
from isolane.history.event_log import EventLogWriter
from isolane.model.events import (
    CollectionFailed,
    CollectionFinished,
    RunFinished,
    RunStarted,
    WorkerStarted,
    WorkerStopped,
    encode_passed,
    encode_started,
)
from isolane.model.identity import CONTROLLER
from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE, PhaseReports, first_line
from isolane.pytest_plugin.process import process_start_time

if TYPE_CHECKING:
    from isolane.model.state import Leak

_now = time.time
"""Bound here: a test that replaces time.time, for a whole module even, does not mean the log."""


class Recorder:
    """Writes a run's events. ``header`` holds what the run's start knows; phases are measured here."""

    def __init__(self, writer: EventLogWriter, header: dict[str, Any]) -> None:
        self.writer = writer
        self._header = header
        self._open: dict[str, PhaseReports] = {}
        self._counts: dict[str, int] = {}
        self._passed = 0
        """Of the tests that passed at once in this process, how many; they are not among the counts until the end."""
        self._reports: list[pytest.TestReport] = []
        """In a serial run: the reports since the last test began."""
        self._in_one_process = not header["workers"]
        self._collects_here = header["engine"] != "xdist"
        self._worker_name = CONTROLLER if self._in_one_process else ""
        self.running_in = ""
        """The worker of the test that is about to be told of, where an engine knows it."""
        self._collected = False
        self._deselected = 0
        self._process_started = process_start_time()
        self._session_started = self._process_started
        self._first_test = 0.0
        self._last_test = 0.0
        self._session_finished = 0.0
        self._exit_code = 0
        self._workers_seen: set[str] = set()
        self.leaks_of_imports: Callable[[], Iterable[Leak]] = tuple
        """Asked at the end for what importing modules has left, by whoever looks at that."""

    @property
    def run_id(self) -> str:
        """Return the run's id."""
        return str(self._header["run_id"])

    # -- the session

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Write the header."""
        self._session_started = _now()
        self._write_header(session.config)

    def _write_header(self, config: pytest.Config) -> None:
        # pytest-randomly draws its seed while plugins are configured; before that it is a word.
        self._header["settings"] = {**self._header["settings"], "random-seed": _random_seed(config)}
        self.writer.write(self.header(config))

    def header(self, config: pytest.Config) -> RunStarted:
        """Return the run's header."""
        return RunStarted(
            at=self._session_started,
            directory=str(config.invocation_params.dir),
            rootdir=str(config.rootpath),
            inifile=str(config.inipath) if config.inipath else None,
            python=sys.executable,
            python_version=".".join(map(str, sys.version_info[:3])),
            pytest_version=pytest.__version__,
            platform=sys.platform,
            process_started=self._process_started,
            isolane_version=__version__,
            **self._header,
        )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        """Note when the tests' own end was reached, and what pytest is going to exit with."""
        self._session_finished = _now()
        try:
            return (yield)
        finally:
            self._exit_code = int(session.exitstatus)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say once that the run is not recorded: a warning could be an error to the suite, and would break it."""
        if self.writer.failure:
            terminalreporter.write_line(self.writer.failure, yellow=True)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Write the end: all reporting is done."""
        if self._reports and self._reports[-1].when == "teardown":
            self._finish_all(_now())
        if self._passed:
            self._counts["passed"] = self._counts.get("passed", 0) + self._passed
        for node_id, test in list(self._open.items()):
            # A test that was interrupted has no teardown to report: nobody knows how it would have ended.
            if test.is_over:
                self._finish(node_id)
        now = _now()
        finished = self._session_finished or now
        first = self._first_test or finished
        last = max(self._last_test, first)
        phases = {
            "start": self._session_started - self._process_started,
            "collection": first - self._session_started,
            "tests": last - first,
            "teardown": max(0.0, finished - last),
            "reporting": max(0.0, now - finished),
        }
        self.writer.write(
            RunFinished(
                at=now,
                exit_code=self._exit_code,
                phases={name: round(seconds, 6) for name, seconds in phases.items()},
                counts=self._counts,
                leaks=tuple(tuple(leak.to_plain()) for leak in self.leaks_of_imports()),
            )
        )
        self.writer.close()

    # -- collection

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Write a file that could not be collected."""
        if report.failed:
            text = str(report.longrepr)
            # xdist reports a difference between workers this way, and its diff has no last word.
            message = first_line(text, last=not text.startswith("Different tests were collected"))
            self.writer.write(CollectionFailed(at=_now(), node_id=report.nodeid, message=message))

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Count."""
        self._deselected += len(items)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write the tests; xdist's controller collects none itself."""
        if self._collects_here:
            self._write_collection([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Write what the first worker collected: xdist itself checks that the others collected the same."""
        self._write_collection(ids)

    def engine_changed(self, config: pytest.Config) -> None:
        """Write the header once more, and the collection: of two, a reader takes the last."""
        self._header["engine"] = engine_of(config).name
        self._collects_here = False
        self._collected = False
        self._write_header(config)

    def _write_collection(self, node_ids: list[str]) -> None:
        if not self._collected:
            self._collected = True
            self.writer.write(CollectionFinished(at=_now(), node_ids=tuple(node_ids), deselected=self._deselected))

    # -- workers

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodeready(self, node: Any) -> None:
        """Write that a worker is there."""
        name = node.gateway.id
        self._workers_seen.add(name)
        process_id = (getattr(node, "workerinfo", None) or {}).get("pid")
        self.writer.write(WorkerStarted(at=_now(), worker=name, process_id=process_id))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Write that a worker has gone, and why if it was not told to."""
        reason = first_line(str(error), last=True) if error else ""
        self.writer.write(WorkerStopped(at=_now(), worker=node.gateway.id, reason=reason))

    # -- tests

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Write that a test is about to run, and where; xdist does not tell, and the worker stays empty."""
        now = _now()
        if self._in_one_process:
            self._finish_all(now)
        if not self._first_test:
            self._first_test = now
        if nodeid in self._open:  # another attempt of the same test
            return
        self.writer.write_line(encode_started(now, nodeid, self._worker_name or self.running_in))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a phase's report until the test is over."""
        if self._in_one_process:
            self._reports.append(report)
            return
        self._sort(report)

    def _sort(self, report: pytest.TestReport) -> None:
        node_id = report.nodeid
        phases = self._open.get(node_id)
        if phases is None:
            phases = self._open[node_id] = PhaseReports()
        phases.add(report)
        if report.when not in ("setup", "call", "teardown"):
            # xdist says '???' of a test whose worker died; no logfinish follows.
            self._finish(node_id)

    def _finish_all(self, now: float) -> None:
        """Write what became of the tests that have run in this process since the last call: of one, as a rule.

        This is all that a test of a serial run costs, but for three reports kept and its start.
        """
        reports = self._reports
        if not reports:
            return
        self._reports = []
        first = reports[0]
        if len(reports) == 3 and reports[2].nodeid == first.nodeid and reports[2].when == "teardown":
            setup, call, teardown = reports
            if (
                setup.outcome == call.outcome == teardown.outcome == "passed"
                and setup.when == "setup"
                and call.when == "call"
                and "wasxfail" not in call.__dict__
                and LEAKS_ATTRIBUTE not in teardown.__dict__
            ):
                self._last_test = now
                self._passed += 1
                self.writer.write_line(
                    encode_passed(now, first.nodeid, CONTROLLER, setup.duration, call.duration, teardown.duration),
                    with_next=True,
                )
                return
        for report in reports:
            self._sort(report)
        for node_id in list(self._open):
            self.pytest_runtest_logfinish(node_id)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Write what became of the test, unless it is going to be run again."""
        phases = self._open.get(nodeid)
        if phases is not None and not phases.awaits_rerun:
            self._finish(nodeid)

    def _finish(self, node_id: str) -> None:
        phases = self._open.pop(node_id, None)
        if phases is None:
            return
        now = self._last_test = _now()
        if phases.is_plain_pass:
            # Most tests: there is nothing to look at any closer.
            self._counts["passed"] = self._counts.get("passed", 0) + 1
            line = encode_passed(now, node_id, phases.worker, phases.setup, phases.call, phases.teardown)
            self.writer.write_line(line, with_next=self._in_one_process)
            return
        event = phases.finished(now, node_id)
        self._counts[event.category.value] = self._counts.get(event.category.value, 0) + 1
        # In one process the next test's start, or the end, follows at once; workers may be silent for long.
        self.writer.write(event, with_next=self._in_one_process)


def _random_seed(config: pytest.Config) -> str:
    """Return the seed by which pytest-randomly seeds ``random`` before each test; empty where it does not."""
    seed = getattr(config.option, "randomly_seed", None)
    return str(seed) if isinstance(seed, int) and getattr(config.option, "randomly_reset_seed", False) else ""
