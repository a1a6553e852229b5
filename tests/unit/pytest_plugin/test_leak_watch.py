"""What is made of a look after a test: whether it stands, or the test has to run again in a clean process."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from isolane.engines.fork.messages import Reported
from isolane.model.state import Change, Leak, Level
from isolane.process_state.watch import Findings, Suspect
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.customs import Budget
from isolane.pytest_plugin.state.suspicion import Suspicion
from isolane.pytest_plugin.state.watching import LeakWatch

RATE = Change("module_globals", "shop.RATE", 2, 3, Level.SUSPECT)


class Looks:
    """Finds what it is told to, look by look."""

    def __init__(self, *findings: Findings) -> None:
        self._findings = list(findings)

    def begin(self) -> None:
        pass

    def look(self, *, closely: bool, sparingly: bool, suspects: frozenset[Suspect]) -> Findings:
        self.sparingly = sparingly
        return self._findings.pop(0)

    def suspect(self, change: Change) -> Suspect:
        return change.kind, change.name.partition(".")[0]


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
    watch.budget = lambda: Budget.USED_UP
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


VARIABLE = Change("env", "RATE", None, "3", Level.DANGEROUS)


def test_what_a_quick_kind_finds_behind_tests_without_any_look_runs_again(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((), whole=False, seen=False), Findings((VARIABLE,), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "passed")

    assert watch.again


def test_what_a_quick_kind_finds_right_after_a_look_is_that_test_s(request: pytest.FixtureRequest) -> None:
    watch = watch_with(Findings((), whole=False), Findings((VARIABLE,), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "passed")

    assert not watch.again
    assert watch.dirty


def test_who_fails_behind_tests_without_any_look_is_doubted_also_where_nothing_is_left(
    request: pytest.FixtureRequest,
) -> None:
    watch = watch_with(Findings((), whole=False, seen=False), Findings((), whole=True))
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "failed")

    assert watch.doubtful


def test_looks_are_spared_only_after_many_that_found_nothing(request: pytest.FixtureRequest) -> None:
    watch = watch_with(*[Findings((), whole=False)] * 25, Findings((RATE,), whole=True), Findings((), whole=True))
    looks: Any = watch._watch
    spared = []
    for _ in range(27):
        run_test(watch, request.node, "passed")
        spared.append(looks.sparingly)

    assert spared == [False] * 20 + [True] * 6 + [False]


@pytest.mark.parametrize(("suspect", "again"), [("shop", False), ("till", True)])
def test_who_changes_a_suspect_that_all_before_have_been_asked_for_is_named(
    request: pytest.FixtureRequest, suspect: str, again: bool
) -> None:
    dangerous = replace(RATE, level=Level.DANGEROUS)
    watch = watch_with(Findings((), whole=False), Findings((dangerous,), whole=True))
    watch.suspects = frozenset({("module_globals", suspect)})
    watch.runs_again = lambda: True
    run_test(watch, request.node, "passed")
    run_test(watch, request.node, "passed")

    assert watch.again == again


def reported(test: int, *changes: Change, outcome: str = "passed") -> Reported:
    leaks = [Leak("test", change).to_plain() for change in changes]
    return Reported(test, False, {"outcome": outcome, LEAKS_ATTRIBUTE: leaks}, None)


def test_what_was_found_is_suspected_when_its_window_runs_again() -> None:
    watch = watch_with()
    Suspicion(watch).runs_again([reported(1), reported(2, RATE)])

    assert watch.suspects == {("module_globals", "shop")}
    assert watch.sparing


def test_who_runs_again_twice_is_looked_at_closely() -> None:
    watch = watch_with()
    suspicion = Suspicion(watch)
    suspicion.runs_again([reported(1), reported(2, RATE)])
    suspicion.runs_again([reported(2, RATE)])

    assert watch.suspects == frozenset()


@pytest.mark.parametrize("report", [reported(1, VARIABLE), reported(1, RATE, outcome="failed")])
def test_quick_kinds_are_looked_at_each_time_once_they_have_found_something(report: Reported) -> None:
    watch = watch_with()
    Suspicion(watch).runs_again([report])

    assert not watch.sparing
