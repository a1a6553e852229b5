"""``--isolane-hunt``: after a run with failures those that pass alone are hunted, and the summary says what it was."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from isolane.model.hunt import Finding, Sort
from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.hunt.pristine import PristineProcess

MOST_HUNTED = 20
"""Failed tests that are looked into; the others have the same causes, more often than not."""
environment_key = pytest.StashKey[dict[str, str]]()
"""The environment as it was before the first conftest: what is imported may have changed it since."""
_WITH_VALUE = frozenset(
    {"-n", "--numprocesses", "--maxprocesses", "--dist", "--tx", "--isolane-engine", "--isolane-isolation",
     "--isolane-order", "--isolane-seed"}
)  # fmt: skip
_WITHOUT_VALUE = frozenset({"-d", "--isolane-hunt"})


class HuntAfterFailures:
    """Notes what ran before each test that failed, and hunts for it in a copy of the project, in another session.

    That is started from a process that is as this one was before the first test, with the environment from before the
    first import.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._process: PristineProcess | None = None
        self._obstacle = ""
        self._ran: dict[str, list[str]] = {}
        """By worker: the tests that ran in it, in order."""
        self._failed: dict[str, list[str]] = {}
        """By test: what had run before it in its worker."""
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._is_uncollected = False

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Keep a process as it is now; ask it when the tests have run."""
        config = session.config
        if engine_of(config).name == "xdist":
            self._obstacle = "xdist's workers collect for themselves"
        else:
            self._obstacle = safety.obstacle_of_threads() or safety.obstacle_of_event_loop() or ""
        self._is_uncollected = bool(session.testsfailed)
        if not self._obstacle and session.items:
            self._process = PristineProcess(self._answer)
        try:
            result = yield
        except BaseException:
            # -x, --maxfail and files that cannot be imported end the loop so; Ctrl-C, too, and then nobody waits.
            if (session.shouldfail or self._is_uncollected) and not session.shouldstop:
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
        if self._process is None or not (self._failed or self._is_uncollected):
            return
        for line in self._process.ask(json.dumps(dict(list(self._failed.items())[:MOST_HUNTED]))):
            data: dict[str, Any] = json.loads(line)
            if "finding" in data:
                self._findings.append(Finding.from_data(data["finding"]))
            elif "note" in data:
                self._notes.append(data["note"])
            else:
                self._obstacle = data["obstacle"]

    def _answer(self, question: str) -> Iterator[str]:
        """In the process in which nothing has run: hunt as the verb does."""
        from isolane.usecases.hunt import HuntRequest, hunt_suite
        from isolane.usecases.observer import Silence

        given = self._config.invocation_params
        os.chdir(given.dir)
        environment = self._config.stash[environment_key]
        os.environ.clear()
        os.environ.update(environment)
        arguments = without_workers([str(argument) for argument in given.args])
        try:
            failed: dict[str, list[str]] = json.loads(question)
            request = HuntRequest((), Path(given.dir), sys.executable, tuple(arguments), failed=failed)
            found = hunt_suite(request, Silence())
        except Exception as error:  # noqa: BLE001  # the run is over and has its result: this only says less
            yield json.dumps({"obstacle": str(error).strip().splitlines()[-1]})
            return
        for one in found.findings:
            if one.sort is not Sort.BROKEN:
                yield json.dumps({"finding": one.as_data()})
        for note in found.notes:
            yield json.dumps({"note": note})

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the polluters beside the failures."""
        if not (self._failed or self._is_uncollected):
            return
        from isolane.reports.hunt_text import cause_lines

        if self._findings:
            terminalreporter.write_sep("=", "isolane: these pass alone")
            for line in list(cause_lines(self._findings, terminalreporter._tw.fullwidth))[1:]:
                terminalreporter.write_line(line)
            for note in self._notes:
                terminalreporter.write_line(f"isolane: {note}")
        elif self._obstacle:
            terminalreporter.write_line(f"isolane: failures were not hunted: {self._obstacle}; try isolane hunt")
        elif self._failed:
            looked = min(len(self._failed), MOST_HUNTED)
            they = "failed test was run alone, and fails" if looked == 1 else "failed tests were run alone, and fail"
            terminalreporter.write_line(f"isolane: {looked} {they} there too")


def without_workers(arguments: list[str]) -> list[str]:
    """Return what was typed without workers, orders and hunts: the session that hunts has its own.

    >>> without_workers(["-q", "-n", "2", "--dist=load", "-n4", "--isolane-hunt", "tests"])
    ['-q', 'tests']
    """
    found = []
    left = iter(arguments)
    for one in left:
        name, equals, _ = one.partition("=")
        if name in _WITH_VALUE:
            if not equals:
                next(left, None)
        elif name not in _WITHOUT_VALUE and not (one.startswith("-n") and (one[2:].isdigit() or one[2:] == "auto")):
            found.append(one)
    return found


def register_hunt_after_failures(config: pytest.Config) -> None:
    """Register it in the process that reports."""
    config.pluginmanager.register(HuntAfterFailures(config), "isolane-hunt-after-failures")
