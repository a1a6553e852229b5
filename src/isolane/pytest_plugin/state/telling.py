"""Tells at the end what tests have left behind; lives in the process that reports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from isolane.model.state import Leak, Level
from isolane.pytest_plugin.state.customs import Customs
from isolane.pytest_plugin.state.watching import leaks_of

_MOST_NOTED = 10
LISTED = ("report", "fail")
"""What ``--isolane-leaks`` says where leaks are listed at the end, and with ``-v`` the harmless ones, too."""


class LeakReport:
    """Collects the leaks of all processes. leaks: what ``--isolane-leaks`` says: a line a leak, or how many there were.

    What importing modules leaves is told once, however many processes have imported them.
    """

    def __init__(self, config: pytest.Config, leaks: str) -> None:
        self._config = config
        self._lists = leaks in LISTED
        self._fails = leaks == "fail"
        self._tells_all = config.option.verbose > 0
        self._looks_at_imports = leaks != "off"
        self._leaks: list[Leak] = []
        self._noted: dict[tuple[str, str], set[str]] = {}
        """By place: who has left there what is only noted."""
        self._of_imports: dict[tuple[str, str, str], dict[str, Leak]] = {}
        self.customs = Customs()
        self.renewed = 0
        """How many processes have been replaced because of what a test had left in them."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what the report has."""
        if report.when == "teardown":
            self.add(leaks_of(report))

    def add(self, leaks: list[Leak]) -> None:
        """Take what a test has left."""
        for leak in leaks:
            if leak.change.level is Level.NOTED and not self._tells_all:
                self._noted.setdefault(leak.change.place, set()).add(leak.owner)
            else:
                self._leaks.append(leak)
        self.customs.add(leaks)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what the imports in a worker of xdist have left."""
        if self._looks_at_imports:
            from isolane.pytest_plugin.state.importing import import_leaks_from

            self._take_imports(import_leaks_from(getattr(node, "workeroutput", None)))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take what the imports in this process have left; fail the run where that is asked for."""
        if self._looks_at_imports:
            from isolane.pytest_plugin.state.importing import import_leaks_of

            self._take_imports(import_leaks_of(self._config))
        if self._fails and self._of_imports and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _take_imports(self, leaks: list[Leak]) -> None:
        for leak in leaks:
            self._of_imports.setdefault((leak.owner, *leak.change.place), {}).setdefault(leak.change.name, leak)

    def of_imports(self) -> list[Leak]:
        """Return what importing modules has left: a registry that each module fills is one thing to know."""
        return [next(iter(leaks.values())) for leaks in self._of_imports.values()]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell."""
        if self._lists and (self._of_imports or self._leaks or self._noted):
            terminalreporter.write_sep("=", "state left behind")
            for leak, *more in (tuple(leaks.values()) for leaks in self._of_imports.values()):
                # A registry that each module fills is one thing to know, not a hundred.
                terminalreporter.write_line(f"{leak}{f', and {len(more)} more there' if more else ''}")
            for leak in self._leaks:
                terminalreporter.write_line(str(leak))
            for line in self._noted_lines():
                terminalreporter.write_line(line)
        modules = len({owner for owner, _, _ in self._of_imports})
        if modules and (self._fails or not self._lists):
            verb = "leaves" if modules == 1 else "leave"
            line = f"isolane: {modules} module{_s(modules)} {verb} state behind when imported"
            hint = "the run fails for it" if self._fails else "--isolane-leaks=report lists it"
            terminalreporter.write_line(f"{line} ({hint})")
        if not self._leaks or self._lists:
            return
        owners = len({leak.owner for leak in self._leaks})
        line = f"isolane: {owners} test{_s(owners)} left state behind"
        if self.renewed:
            line += f", {self.renewed} fresh process{'es' if self.renewed != 1 else ''} went on"
        terminalreporter.write_line(f"{line} (--isolane-leaks=report lists them)")

    def _noted_lines(self) -> Iterator[str]:
        """Yield a line a place where something was only noted, those of the most tests first, and how many more."""
        places = sorted(self._noted.items(), key=lambda one: (-len(one[1]), one[0]))
        for (kind, name), owners in places[:_MOST_NOTED]:
            yield f"{kind} {name}: left otherwise by {len(owners)} test{_s(len(owners))} (noted)"
        if (more := len(places) - _MOST_NOTED) > 0:
            yield f"and {more} more place{_s(more)} where something is noted (-v lists all)"


def _s(number: int) -> str:
    return "s" if number != 1 else ""
