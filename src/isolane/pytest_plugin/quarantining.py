"""Keeps quarantined tests from deciding a run: a failure of theirs is no failure to pytest, and is told apart.

A report is changed where it is made, in the process that runs the test, so that ``-x`` and every engine count as they
should; that of a worker that died is changed where it is told. pytest knows such reports: they are those of an
expected failure, with a reason.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import date

import pytest

from isolane.model.plan import QUARANTINE
from isolane.model.quarantine import MARK, Entry, Quarantine

_ATTRIBUTE = "isolane_quarantined"
"""What a changed report carries to the process that tells of it: the first line of the failure."""


class Quarantining:
    """A plugin, in workers and in the process that reports. today: by which entries expire."""

    def __init__(self, quarantine: Quarantine, today: date) -> None:
        self._quarantine = quarantine
        self._today = today
        self._failed: dict[str, str] = {}
        """The tests that would have failed the run, with the first line of their failure."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Change the report of a failure."""
        report = yield
        self._shield(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None, object, object]:
        """Change what was not made by a test's own process, and note what is to be told."""
        self._shield(report)
        if hasattr(report, _ATTRIBUTE):
            self._failed[report.nodeid] = getattr(report, _ATTRIBUTE)
        return (yield)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Give it a letter and a word of its own."""
        return ("quarantined", "q", "QUARANTINED") if hasattr(report, _ATTRIBUTE) else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say who failed without failing the run, and whose time is over."""
        expired = self._quarantine.expired(self._today)
        if not self._failed and not expired:
            return
        terminalreporter.write_sep("=", f"isolane: {QUARANTINE}")
        for node_id, message in self._failed.items():
            entry = self._entry_of(node_id)
            if entry is not None:
                terminalreporter.write_line(f"{node_id} failed, and does not decide: {message}")
                terminalreporter.write_line(f"  until {entry.expiry}, {entry.owner}: {entry.reason}")
        for entry in expired:
            terminalreporter.write_line(
                f"{entry.test} decides again: its entry has expired on {entry.expiry} ({entry.owner}: {entry.reason})"
            )

    def _shield(self, report: pytest.TestReport) -> None:
        entry = self._entry_of(report.nodeid) if report.outcome == "failed" else None
        if entry is not None:
            crash = getattr(report.longrepr, "reprcrash", None)
            message = crash.message if crash is not None else str(report.longrepr)
            report.outcome = "skipped"
            report.wasxfail = f"{MARK}{entry.reason}"
            setattr(report, _ATTRIBUTE, next((line for line in message.splitlines() if line.strip()), ""))

    def _entry_of(self, node_id: str) -> Entry | None:
        return self._quarantine.entry_of(node_id, self._today)


def register_quarantine(config: pytest.Config) -> None:
    """Register it where the project has a file. Raises :class:`pytest.UsageError` for a bad one."""
    from isolane.model.errors import UsageError
    from isolane.usecases.quarantine import read_quarantine, today_in_utc

    try:
        quarantine = read_quarantine(config.rootpath)
    except UsageError as error:
        raise pytest.UsageError(f"isolane: {error}") from None
    config.pluginmanager.register(Quarantining(quarantine, today_in_utc()), "isolane-quarantine")
