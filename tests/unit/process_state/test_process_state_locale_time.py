"""The locale is given back, category by category told; the zone too, where the environment would not tell."""

from __future__ import annotations

import locale
import os
import time
from collections.abc import Iterator

import pytest

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.env import EnvironmentKind
from isolane.process_state.locale_time import LocaleKind

KIND = LocaleKind()
KOLKATA = "IST-5:30"
NEW_YORK = "EST5EDT,M3.2.0,M11.1.0"


@pytest.fixture(autouse=True)
def undone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start in the plain locale C and in UTC."""
    initial = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
    locale.setlocale(locale.LC_ALL, initial)


@pytest.fixture
def other() -> str:
    """A locale that this machine has, besides C."""
    for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8"):
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            continue
        locale.setlocale(locale.LC_TIME, "C")
        return name
    pytest.skip("no locale but C")


@pytest.mark.req("R2.4")
def test_one_category_is_told_by_its_name_and_given_back(other: str) -> None:
    before = KIND.snapshot()
    locale.setlocale(locale.LC_TIME, other)
    after = KIND.snapshot()
    assert KIND.diff(before, after) == [Change("locale_time", "LC_TIME", "C", other)]
    locale.setlocale(locale.LC_NUMERIC, other)
    assert KIND.diff(after, KIND.snapshot()) == [Change("locale_time", "LC_NUMERIC", "C", other)]
    KIND.restore(before)
    assert locale.setlocale(locale.LC_ALL) == "C"
    assert KIND.diff(before, KIND.snapshot()) == []


def test_all_categories_are_told_as_one(other: str) -> None:
    before = KIND.snapshot()
    locale.setlocale(locale.LC_ALL, other)
    assert KIND.diff(before, KIND.snapshot()) == [Change("locale_time", "LC_ALL", "C", other)]


def test_categories_are_told_as_macos_writes_them() -> None:
    before = KIND.snapshot()._replace(locale="C/en_US.UTF-8/C/C/C/C")
    assert KIND.diff(before, KIND.snapshot()) == [Change("locale_time", "LC_CTYPE", "en_US.UTF-8", "C")]


def test_a_locale_that_is_gone_is_told() -> None:
    before = KIND.snapshot()._replace(locale="xx_XX.NONE")
    with pytest.raises(RestoreError, match=r"xx_XX\.NONE cannot be set again.*\[locale-gone\]"):
        KIND.restore(before)


def test_a_zone_left_behind_without_its_variable_is_told_and_given_back() -> None:
    before = KIND.snapshot()
    os.environ["TZ"] = KOLKATA
    time.tzset()
    os.environ["TZ"] = "UTC"
    assert KIND.diff(before, KIND.snapshot()) == [
        Change("locale_time", "time.tzset", "UTC/UTC (UTC+00:00)", "IST/IST (UTC+05:30)")
    ]
    KIND.restore(before)
    assert time.tzname == ("UTC", "UTC")
    assert KIND.diff(before, KIND.snapshot()) == []


def test_a_zone_with_its_variable_is_told_once_and_by_the_environment() -> None:
    environment = EnvironmentKind()
    before, zone_before = environment.snapshot(), KIND.snapshot()
    os.environ["TZ"] = NEW_YORK
    time.tzset()
    assert [change.name for change in environment.diff(before, environment.snapshot())] == ["TZ"]
    assert KIND.diff(zone_before, KIND.snapshot()) == []
    KIND.restore(zone_before)
    assert time.tzname == ("EST", "EDT"), "as its variable says"
    environment.restore(before)
    assert KIND.snapshot() == zone_before


def test_a_fixtures_locale_and_zone_stay(other: str) -> None:
    initial = KIND.snapshot()
    before = KIND.snapshot()
    locale.setlocale(locale.LC_TIME, other)
    with_locale = KIND.rebase(initial, before, KIND.snapshot())
    locale.setlocale(locale.LC_ALL, "C")
    KIND.restore(with_locale)
    assert locale.setlocale(locale.LC_TIME) == other

    os.environ["TZ"] = NEW_YORK
    time.tzset()
    with_both = KIND.rebase(with_locale, with_locale, KIND.snapshot())
    assert with_both == KIND.snapshot()
    assert KIND.rebase(initial, with_both, with_both) == initial
