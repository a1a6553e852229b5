"""Caches of functools are found by themselves; what matters of them is told and emptied."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.function_caches import FunctionCachesKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]

SOURCE = """
    import enum
    import functools
    from datetime import date

    class Side(enum.Enum):
        LEFT = 1

    @functools.cache
    def settings():
        return {}

    @functools.lru_cache
    def plain(*arguments, **options):
        return date(2026, 1, 1), "x", (1, 2.0)

    @functools.cache
    def unbounded(value, *, base=10):
        return value

    @functools.lru_cache(maxsize=1)
    def client(name):
        return [name]

    class Client:
        @functools.lru_cache
        def method(self):
            return 1

        @staticmethod
        @functools.cache
        def make():
            return 1
"""
SUSPECT, HARMLESS = Level.SUSPECT, Level.HARMLESS
CASES: list[tuple[str, str, Level]] = [
    ("app.settings()", "settings", SUSPECT),
    ("app.plain(1, 'a', None, app.Side.LEFT, key=1.5)", "plain", HARMLESS),
    ("app.plain([].__class__)", "plain", SUSPECT),
    ("app.unbounded(1, base=3)", "unbounded", HARMLESS),
    ("app.unbounded(app.Client)", "unbounded", SUSPECT),
    ("app.client('x')", "client", SUSPECT),
    ("app.Client().method()", "Client.method", SUSPECT),
    ("app.Client.make()", "Client.make", SUSPECT),
]


@pytest.fixture
def kind(tmp_path: Path) -> FunctionCachesKind:
    return FunctionCachesKind(ProjectModules([tmp_path]))


@pytest.fixture
def app(load: Load) -> Any:
    return load(SOURCE)


@pytest.mark.parametrize(("statement", "name", "level"), CASES, ids=[case[0] for case in CASES])
def test_a_filled_cache_is_told_and_emptied_if_it_matters(
    kind: FunctionCachesKind, app: Any, statement: str, name: str, level: Level
) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before

    exec(statement, {"app": app})

    expected = Change("function_caches", f"isolane_app.{name}", "0 entries", "1 entries", level)
    assert kind.diff(before, kind.snapshot()) == [expected]
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == ([expected] if level is HARMLESS else [])


def test_a_singleton_that_was_cleared_or_made_anew_is_told(kind: FunctionCachesKind, app: Any) -> None:
    first = app.settings()
    before = kind.snapshot()
    app.settings.cache_clear()
    (cleared,) = kind.diff(before, kind.snapshot())
    assert (cleared.before, cleared.after, cleared.level) == ("1 entries", "0 entries", SUSPECT)
    second = app.settings()
    app.settings.cache_clear()
    app.settings()
    assert app.settings() is not first
    kind.restore(before)
    assert app.settings() is not second


def test_an_entry_that_was_pushed_out_by_another_is_told(kind: FunctionCachesKind, app: Any) -> None:
    app.client("x")
    before = kind.snapshot()
    app.client("y")
    (change,) = kind.diff(before, kind.snapshot())
    assert change.after == "1 entries made anew"


def test_answers_from_a_cache_are_no_change(kind: FunctionCachesKind, app: Any) -> None:
    first = app.settings()
    before = kind.snapshot()
    assert app.settings() is first
    assert kind.snapshot() is before
    kind.restore(before)
    assert app.settings() is first


def test_what_a_fixture_filled_in_between_stays_filled(kind: FunctionCachesKind, app: Any) -> None:
    initial = kind.snapshot()
    app.client("test")
    before = kind.snapshot()
    kept = app.settings()
    pending = kind.rebase(initial, before, kind.snapshot())
    kind.restore(pending)
    assert app.settings() is kept
    assert app.client.cache_info().currsize == 0
