"""What is made of a look after a test: whether it stands, or the test has to run again in a clean process."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.watch import Findings
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.watching import LeakWatch

RATE = Change("module_globals", "shop.RATE", 2, 3, Level.SUSPECT)


class Looks:
    """Finds what it is told to, look by look."""

    def __init__(self, *findings: Findings) -> None:
        self._findings = list(findings)

    def begin(self) -> None:
        pass

    def look(self, *, closely: bool, sparingly: bool) -> Findings:
        return self._findings.pop(0)


def watch_with(*findings: Findings) -> LeakWatch:
    looks: Any = Looks(*findings)
    watch = LeakWatch(
        looks,
        Accepted([]),
        ["module_globals"],
        restores=False,
        fails=False,
        budgeted=True,
        tells_harmless=False,
    )
    watch.lenient = lambda: True  # the budget is used up
    watch.begin()
    return watch


def run_test(watch: LeakWatch, item: pytest.Item, outcome: Any) -> None:
    for _ in watch.pytest_runtest_setup():
        break
    watch.pytest_runtest_logreport(pytest.TestReport("a", ("a", 1, "a"), {}, outcome, None, "call"))
    watch.look(item)


def test_who_fails_behind_a_test_that_nobody_has_looked_after_is_doubted(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((), whole=False), Findings((RATE,), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "failed")

    assert watch.doubtful
    assert not watch.dirty


def test_who_fails_and_leaves_something_itself_is_believed(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((), whole=True), Findings((RATE,), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "failed")

    assert not watch.doubtful


def test_who_fails_in_a_process_that_went_on_though_dirty_is_doubted(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((RATE,), whole=True), Findings((), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "failed")

    assert watch.doubtful


def test_who_passes_is_believed(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((), whole=False), Findings((RATE,), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "passed")

    assert not watch.doubtful
