"""What becomes of a test's reports in its run's record."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE, PhaseReports

GLOBAL = ("a.py::test", "module_globals", "a.seen", "0 items", "1 items", "suspect")
MODULE = ("a.py::test", "modules", "json", None, "json", "harmless")


def report(when: Any, outcome: Any = "passed", longrepr: Any = None, **more: Any) -> pytest.TestReport:
    return pytest.TestReport("a.py::test", ("a.py", 0, "test"), {}, outcome, longrepr, when, **more)


def told(*reports: pytest.TestReport) -> PhaseReports:
    phases = PhaseReports()
    for one in reports:
        phases.add(one)
    return phases


def test_what_is_left_behind_is_kept_and_what_is_harmless_is_not() -> None:
    phases = told(
        report("setup"), report("call"), report("teardown", **{LEAKS_ATTRIBUTE: [list(GLOBAL), list(MODULE)]})
    )

    assert phases.finished(1.0, "a.py::test").leaks == (GLOBAL,)
    assert not phases.is_plain_pass


def test_a_test_that_left_only_what_is_harmless_has_simply_passed() -> None:
    assert told(report("setup"), report("call"), report("teardown", **{LEAKS_ATTRIBUTE: [list(MODULE)]})).is_plain_pass


def test_attempts_before_the_last_keep_the_line_that_they_failed_with() -> None:
    again: Any = "rerun"
    attempt = (report("setup"), report("call", again, "E   KeyError: 'a'\n"), report("teardown"))
    event = told(*attempt, *attempt, report("setup"), report("call"), report("teardown")).finished(1.0, "a.py::test")

    assert (event.attempts, event.earlier, event.category.value) == (3, ("E   KeyError: 'a'",) * 2, "passed")
