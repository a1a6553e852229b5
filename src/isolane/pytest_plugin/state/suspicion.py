"""Whom to look at when a window runs again: where dirt was found, and not everything after each of its tests.

Dirt was found behind tests that nobody had looked after. They run again to see who it was, and what is asked after each
of them is whether it has changed the same part of the state: the same kind, in the same module. That takes
microseconds. Who does so is looked at closely, and named.

What is found elsewhere this time has no name yet, and its window runs again. Tests that run again for the second time
are no longer trusted to do each time the same: from then on everything is looked at after each test that runs again.
"""

from __future__ import annotations

from collections.abc import Iterable

from isolane.engines.fork.messages import Reported
from isolane.model.state import Leak
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE
from isolane.pytest_plugin.state.watching import LeakWatch


class Suspicion:
    """Tells a run's watch what is suspected; kept by the controller, and taken over by each process that it forks."""

    def __init__(self, watch: LeakWatch) -> None:
        self._watch = watch
        self._tests: set[int] = set()
        self._trusts = True

    def runs_again(self, reports: Iterable[Reported]) -> None:
        """Take note of what was found behind a window that runs again."""
        watch = self._watch
        tests: set[int] = set()
        for report in reports:
            tests.add(report.test)
            if report.values.get("outcome") == "failed":
                # Whatever it has met may be gone by now: nobody is looked after less closely for it.
                watch.sparing = self._trusts = False
            for leak in leaks_in(report):
                change = leak.change
                if not change.level.is_dirt:
                    continue
                if watch.is_dear(change):
                    watch.suspects |= {watch.suspect(change)}
                else:
                    watch.sparing = False
        self._trusts = self._trusts and self._tests.isdisjoint(tests)
        self._tests |= tests
        if not self._trusts:
            watch.suspects = frozenset()


def leaks_in(report: Reported) -> list[Leak]:
    """Return what a report, as a worker has sent it, says of leaks."""
    return [Leak.from_plain(values) for values in report.values.get(LEAKS_ATTRIBUTE, ())]
