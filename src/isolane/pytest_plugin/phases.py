"""What became of one test, from the reports of its phases."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.model.events import TestFinished
from isolane.model.identity import CONTROLLER
from isolane.model.outcome import Category, Outcome
from isolane.pytest_plugin.exception_names import EXCEPTION_ATTRIBUTE

LEAKS_ATTRIBUTE = "isolane_leaks"
"""What a test's last report carries to the process that reports: leaks as :meth:`Leak.to_plain` has them."""
_MESSAGE_LENGTH = 300


class PhaseReports:
    """The reports of one test as they come: setup, call, teardown, more than once where it is rerun.

    Reports of subtests are passed over: pytest fails the test itself when a subtest failed.
    """

    __slots__ = (
        "attempts",
        "awaits_rerun",
        "call",
        "earlier",
        "is_over",
        "is_plain_pass",
        "leaks",
        "reports",
        "setup",
        "teardown",
        "worker",
    )

    def __init__(self) -> None:
        self.reports: list[pytest.TestReport] = []
        self.attempts = 1
        self.awaits_rerun = False
        self.is_over = False
        self.worker = CONTROLLER
        self.setup = self.call = self.teardown = 0.0
        self.is_plain_pass = True
        self.earlier: tuple[str, ...] = ()
        self.leaks: tuple[tuple[Any, ...], ...] = ()

    def add(self, report: pytest.TestReport) -> None:
        """Take one report into account."""
        extra = report.__dict__
        if "context" in extra:
            return
        self.lasted(report.when, report.duration)
        if report.when == "setup" and "node" in extra:
            self.worker = extra["node"].gateway.id
        if LEAKS_ATTRIBUTE in extra:
            self._take_leaks(extra)
        if report.outcome == "passed" and "wasxfail" not in extra:
            return
        self.is_plain_pass = False
        if "node" in extra:
            self.worker = extra["node"].gateway.id
        if str(report.outcome) == "rerun":  # pytest-rerunfailures
            self.attempts += 1
            self.earlier += (_failure_of(report)[0],)
            self.awaits_rerun = True
            self.reports.clear()
        else:
            self.reports.append(report)

    def _take_leaks(self, extra: dict[str, Any]) -> None:
        from isolane.model.state import Level

        # Harmless ones are told on the terminal for whoever asks: there may be thousands, of modules that are imported.
        leaks = tuple(tuple(one) for one in extra[LEAKS_ATTRIBUTE] if one[-1] != Level.HARMLESS.value)
        if leaks:
            self.leaks += leaks
            self.is_plain_pass = False
            if "node" in extra:
                self.worker = extra["node"].gateway.id

    def lasted(self, when: str | None, seconds: float) -> None:
        """Take a phase's time into account: of one that has simply passed there is no more to know."""
        if when == "call":
            self.call += seconds
        elif when == "setup":
            self.setup += seconds
            self.awaits_rerun = False
        elif when == "teardown":
            self.teardown += seconds
            self.is_over = True

    def outcome(self) -> Outcome:
        """Return how the test ended; the last attempt counts."""
        result = Outcome(Category.PASSED)
        for report in self.reports:
            found = _of_phase(report)
            if found.category is Category.TEARDOWN_ERROR and result.is_bad:
                detail = ", then in teardown ".join(part for part in (result.detail, found.detail) if part)
                result = Outcome(result.category, detail)
            elif found.is_bad or not result.is_bad:
                result = found
        return result

    def finished(self, at: float, node_id: str) -> TestFinished:
        """Return what became of the test, as an event."""
        outcome = self.outcome()
        message, location = self.failure()
        return TestFinished(
            at,
            node_id,
            self.worker,
            outcome.category,
            outcome.detail,
            self.setup,
            self.call,
            self.teardown,
            message,
            location,
            self.attempts,
            self.earlier,
            self.leaks,
        )

    def failure(self) -> tuple[str, str]:
        """Return the first line of the failure and where it was, both empty where nothing failed."""
        for report in self.reports:
            if report.outcome == "failed":
                return _failure_of(report)
        return "", ""


def _failure_of(report: pytest.TestReport) -> tuple[str, str]:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return first_line(crash.message), f"{crash.path}:{crash.lineno}"
    return first_line(str(report.longrepr), last=True), ""


def _of_phase(report: pytest.TestReport) -> Outcome:
    extra: dict[str, Any] = report.__dict__
    if report.outcome == "skipped":
        if "wasxfail" in extra:
            return Outcome(Category.XFAILED, str(extra["wasxfail"]))
        return Outcome(Category.SKIPPED, _skip_reason(report))
    if report.outcome == "passed":
        return Outcome(Category.XPASSED, str(extra["wasxfail"])) if "wasxfail" in extra else Outcome(Category.PASSED)
    if report.when == "setup":
        return Outcome(Category.SETUP_ERROR, _exception_name(report))
    if report.when == "teardown":
        return Outcome(Category.TEARDOWN_ERROR, _exception_name(report))
    if report.when == "call":
        return Outcome(Category.FAILED, _exception_name(report))
    return Outcome(Category.CRASHED)


def _exception_name(report: pytest.TestReport) -> str:
    name = getattr(report, EXCEPTION_ATTRIBUTE, "")
    if name:
        return str(name)
    text = str(report.longrepr or "")
    return "XPASS(strict)" if text.startswith("[XPASS(strict)]") else ""


def _skip_reason(report: pytest.TestReport) -> str:
    longrepr = report.longrepr
    text = str(longrepr[2]) if isinstance(longrepr, tuple) and len(longrepr) == 3 else str(longrepr or "")
    return first_line(text.removeprefix("Skipped: "))


def first_line(text: str, *, last: bool = False) -> str:
    """Return the first (or last) line that says something, cut to a length that fits a table."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[-1] if last else lines[0]
    return line if len(line) <= _MESSAGE_LENGTH else line[: _MESSAGE_LENGTH - 1] + "…"
