"""What is doubted when a test fails in a process that was not clean, and passes in a fresh one."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.engines.fork.messages import Reported
from isolane.model.state import Change, Leak, Level
from isolane.pytest_plugin.fork.renewals import Renewals
from isolane.pytest_plugin.phases import LEAKS_ATTRIBUTE

VICTIM = 7


def leak(name: str, level: Level) -> Leak:
    return Leak("test_a", Change("module_globals", name, None, "x", level))


def failed(*leaks: Leak) -> Reported:
    values: dict[str, Any] = {"outcome": "failed", LEAKS_ATTRIBUTE: [one.to_plain() for one in leaks]}
    return Reported(VICTIM, False, values, None)


def ended(outcome: Any) -> pytest.TestReport:
    return pytest.TestReport("test_v", ("test_v", 1, "test_v"), {}, outcome, None, "call")


def test_a_victim_makes_the_places_doubted_that_were_dirty_in_its_process() -> None:
    renewals = Renewals(None)
    renewals.left("gw0", [leak("app.before", Level.SUSPECT)])
    renewals.leaves("gw0")
    renewals.left("gw0", [leak("app.seen", Level.NOTED), leak("app.cache", Level.HARMLESS)])
    renewals.left("gw1", [leak("app.elsewhere", Level.SUSPECT)])
    renewals.runs_again("gw0", [failed(leak("app.own[1]", Level.SUSPECT))])
    assert not renewals.customs.doubted
    renewals.tested(VICTIM, ended("passed"))
    assert renewals.customs.doubted == {("module_globals", "app.seen"), ("module_globals", "app.own")}


def test_who_fails_in_a_fresh_process_as_well_doubts_nobody() -> None:
    renewals = Renewals(None)
    renewals.left("gw0", [leak("app.seen", Level.SUSPECT)])
    renewals.runs_again("gw0", [failed()])
    renewals.tested(VICTIM, ended("failed"))
    assert not renewals.customs.doubted


def test_who_fails_where_nothing_was_left_doubts_nothing() -> None:
    renewals = Renewals(None)
    renewals.runs_again("gw0", [failed()])
    renewals.tested(VICTIM, ended("passed"))
    assert not renewals.customs.doubted
