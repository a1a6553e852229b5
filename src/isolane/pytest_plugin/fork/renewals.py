"""What fresh processes cost a run, and whether what they are spared for can be lived with; see ``state.customs``."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pytest

from isolane.engines.fork.messages import Reported
from isolane.model.state import Leak, Level
from isolane.pytest_plugin.state.customs import Customs, Place
from isolane.pytest_plugin.state.suspicion import leaks_in
from isolane.pytest_plugin.state.telling import LeakReport


class Renewals:
    """Keeps the accounts of the run's customs. report: where it is told how many processes were replaced."""

    def __init__(self, report: LeakReport | None) -> None:
        self._report = report
        self._left_at: dict[str, float] = {}
        self._doubted: dict[int, frozenset[Place]] = {}
        """By a test that runs again since it failed: where something was left in its process."""
        self._left: dict[str, set[Place]] = {}
        """By worker: where something was left in its process, and what is lived with."""
        self.customs = report.customs if report is not None else Customs()

    def leaves(self, worker: str) -> None:
        """A worker leaves what it has not begun to a fresh process."""
        self._left.pop(worker, None)
        if self._report is not None:
            self._report.renewed += 1
            self._left_at[worker] = time.monotonic()

    def starts(self, worker: str) -> None:
        """A worker starts a test: if it is fresh, it has cost the time since its forerunner left."""
        left_at = self._left_at.pop(worker, None) if self._left_at else None
        if left_at is not None:
            self.customs.spent(time.monotonic() - left_at)

    def left(self, worker: str, leaks: Iterable[Leak]) -> None:
        """Take note of what a test has left in a worker's process."""
        for leak in leaks:
            if leak.change.level is not Level.HARMLESS:
                self._left.setdefault(worker, set()).add(leak.change.place)

    def runs_again(self, worker: str, reports: Sequence[Reported]) -> None:
        """Take note of who failed: if it passes the next time, what was left in its process was the reason."""
        seconds = 0.0
        for one in reports:
            self.left(worker, leaks_in(one))
        places = frozenset(self._left.get(worker, ()))
        for one in reports:
            seconds += one.values.get("duration", 0.0)
            if one.values.get("outcome") == "failed":
                self._doubted[one.test] = places
        self.customs.spent(seconds)

    def tested(self, test: int, report: pytest.TestReport) -> None:
        """Take note of what a test took, and whether it passes now that its process is fresh."""
        self.customs.tested(report.duration)
        if test in self._doubted and report.when == "call" and report.outcome != "failed":
            self.customs.doubt(self._doubted.pop(test))
