"""What a suite lives with, and when nothing is lived with any more."""

from __future__ import annotations

import pytest

from isolane.model.state import Change, Leak, Level
from isolane.pytest_plugin.state.customs import ENOUGH_OWNERS, FREE, SHARE, Customs

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
    assert not customs.lenient
    customs.spent(1.0)
    assert customs.lenient
    customs.tested(1.0 / SHARE)
    assert not customs.lenient


def test_after_a_victim_nothing_is_tolerated() -> None:
    customs = Customs()
    tolerated = customs.tolerated
    customs.add([leak(f"test_{number}") for number in range(5)])
    customs.distrust()
    customs.add([leak(f"test_{number}") for number in range(5, 50)])
    for _ in range(FREE + 1):
        customs.spent(10.0)
    assert not tolerated
    assert not customs.lenient
