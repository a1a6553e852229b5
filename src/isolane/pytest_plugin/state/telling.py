"""Tells at the end what tests have left behind; lives in the process that reports."""

from __future__ import annotations

import pytest

from isolane.model.state import Leak
from isolane.pytest_plugin.state.customs import Customs
from isolane.pytest_plugin.state.watching import leaks_of


class LeakReport:
    """Collects the leaks of all processes. lists: a line a leak at the end, else how many there were."""

    def __init__(self, *, lists: bool) -> None:
        self._lists = lists
        self._leaks: list[Leak] = []
        self.customs = Customs()
        self.renewed = 0
        """How many processes have been replaced because of what a test had left in them."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what the report has."""
        if report.when == "teardown":
            leaks = leaks_of(report)
            if leaks:
                self._leaks += leaks
                self.customs.add(leaks)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell."""
        if not self._leaks:
            return
        if self._lists:
            terminalreporter.write_sep("=", "state left behind")
            for leak in self._leaks:
                terminalreporter.write_line(str(leak))
            return
        owners = len({leak.owner for leak in self._leaks})
        line = f"isolane: {owners} test{_s(owners)} left state behind"
        if self.renewed:
            line += f", {self.renewed} fresh process{'es' if self.renewed != 1 else ''} went on"
        terminalreporter.write_line(f"{line} (--isolane-leaks=report lists them)")


def _s(number: int) -> str:
    return "s" if number != 1 else ""
