"""What a suite lives with, and when nothing is lived with any more."""

from __future__ import annotations

import pytest

from isolane.model.state import Change, Leak, Level
from isolane.pytest_plugin.state.customs import ENOUGH_OWNERS, FREE, MOST, SHARE, Budget, Customs

PLACE = ("module_globals", "app.cache")


def leak(owner: str, level: Level = Level.SUSPECT, key: str = "") -> Leak:
    return Leak(owner, Change(PLACE[0], PLACE[1] + key, None, "x", level))


@pytest.mark.parametrize("level", [Level.SUSPECT, Level.DANGEROUS])
def test_what_many_tests_leave_at_one_place_is_tolerated(level: Level) -> None:
    customs = Customs()
    for number in range(ENOUGH_OWNERS[level] - 1):
        customs.add([leak(f"test_{number}", level, f"[{number}]")] * 5)
    assert not customs.tolerated
    customs.add([leak("test_last", level)])
    assert customs.tolerated == {PLACE}


def test_harmless_changes_are_no_customs() -> None:
    customs = Customs()
    customs.add([leak(f"test_{number}", Level.HARMLESS) for number in range(100)])
    assert not customs.tolerated


def test_the_budget_is_a_share_of_the_tests_time_after_some_that_are_free() -> None:
    customs = Customs()
    for _ in range(FREE):
        customs.spent(10.0)
    assert customs.budget is Budget.LEFT
    customs.spent(1.0)
    assert customs.budget is Budget.OVERDRAWN
    customs.tested(1.0 / MOST)
    assert customs.budget is Budget.USED_UP
    customs.tested(1.0 / SHARE - 1.0 / MOST)
    assert customs.budget is Budget.LEFT


@pytest.mark.parametrize(
    ("level", "budget", "is_broken"),
    [
        (Level.HARMLESS, Budget.LEFT, False),
        (Level.NOTED, Budget.LEFT, False),
        (Level.SUSPECT, Budget.LEFT, True),
        (Level.SUSPECT, Budget.USED_UP, False),
        (Level.DANGEROUS, Budget.USED_UP, True),
        (Level.DANGEROUS, Budget.OVERDRAWN, True),
    ],
)
def test_what_a_process_is_given_up_for(level: Level, budget: Budget, is_broken: bool) -> None:
    assert Customs().are_broken_by(leak("test_a", level).change, budget) is is_broken


@pytest.mark.parametrize("level", [Level.SUSPECT, Level.DANGEROUS])
def test_what_is_tolerated_breaks_nothing(level: Level) -> None:
    customs = Customs()
    customs.add([leak(f"test_{number}", level) for number in range(ENOUGH_OWNERS[level])])
    assert not customs.are_broken_by(leak("test_next", level).change, Budget.LEFT)


@pytest.mark.parametrize("level", [Level.NOTED, Level.SUSPECT])
def test_where_a_test_has_failed_for_it_nothing_is_tolerated_until_that_costs_too_much(level: Level) -> None:
    customs = Customs()
    customs.add([leak(f"test_{number}", level) for number in range(5)])
    customs.doubt({PLACE})
    change = leak("test_next", level).change
    assert customs.are_broken_by(change, Budget.LEFT)
    assert customs.are_broken_by(change, Budget.USED_UP)
    assert not customs.are_broken_by(change, Budget.OVERDRAWN)


def test_a_doubt_is_of_its_place_alone() -> None:
    customs = Customs()
    customs.add([leak(f"test_{number}") for number in range(5)])
    customs.doubt({("env", "HOME")})
    assert not customs.are_broken_by(leak("test_next").change, Budget.LEFT)


def test_a_process_that_has_not_heard_of_a_doubt_doubts_everything() -> None:
    customs = Customs()
    customs.add([leak(f"test_{number}") for number in range(5)])
    customs.is_outdated = lambda: True
    assert customs.are_broken_by(leak("test_next").change, Budget.USED_UP)
    assert not customs.are_broken_by(leak("test_next", Level.HARMLESS).change, Budget.USED_UP)
