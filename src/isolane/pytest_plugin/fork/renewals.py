"""What fresh processes cost a run, and whether what they are spared for can be lived with; see ``state.customs``."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from isolane.engines.fork.messages import Reported
from isolane.pytest_plugin.state.customs import Customs
from isolane.pytest_plugin.state.telling import LeakReport


class Renewals:
    """Keeps the accounts of the run's customs. report: where it is told how many processes were replaced."""

    def __init__(self, report: LeakReport | None) -> None:
        self._report = report
        self._left_at: dict[str, float] = {}
        self._doubted: set[int] = set()
        self.customs = report.customs if report is not None else Customs()

    def leaves(self, worker: str) -> None:
        """A worker leaves what it has not begun to a fresh process."""
        if self._report is not None:
            self._report.renewed += 1
            self._left_at[worker] = time.monotonic()

    def starts(self, worker: str) -> None:
        """A worker starts a test: if it is fresh, it has cost the time since its forerunner left."""
        left_at = self._left_at.pop(worker, None) if self._left_at else None
        if left_at is not None:
            self.customs.spent(time.monotonic() - left_at)

    def runs_again(self, reports: Iterable[Reported]) -> None:
        """Take note of who failed: if it passes the next time, what was left in its process was the reason."""
        seconds = 0.0
        for one in reports:
            seconds += one.values.get("duration", 0.0)
            if one.values.get("outcome") == "failed":
                self._doubted.add(one.test)
        self.customs.spent(seconds)

    def tested(self, test: int, report: pytest.TestReport) -> None:
        """Take note of what a test took, and whether it passes now that its process is fresh."""
        self.customs.tested(report.duration)
        if test in self._doubted and report.when == "call" and report.outcome != "failed":
            self.customs.distrust()
