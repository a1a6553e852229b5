"""What a test changes in a function is found, and put back in the same function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.functions import FunctionsKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]

SOURCE = """
    import functools
    from json import dumps

    def plain(first=1, *, second=2):
        return first, second

    def collecting(found=[]):
        return found

    def counter():
        count, seen = 0, []
        def step():
            nonlocal count
            count += 1
            seen.append(count)
            return count
        return step

    step = counter()

    def decorated(function):
        @functools.wraps(function)
        def wrapper(*arguments):
            return function(*arguments)
        return wrapper

    @decorated
    def inner(value=1):
        return value

    class Client:
        def method(self, value=1):
            return value

        @staticmethod
        def make(value=1):
            return value

        @property
        def shown(self, value=1):
            return value
"""
SUSPECT, DANGEROUS, HARMLESS = Level.SUSPECT, Level.DANGEROUS, Level.HARMLESS
CASES: list[tuple[str, str, object, object, Level]] = [
    ("app.plain.__defaults__ = (5,)", "plain.__defaults__", "tuple of 1", "another tuple of 1", DANGEROUS),
    ("app.plain.__kwdefaults__ = None", "plain.__kwdefaults__", "dict of 1", None, DANGEROUS),
    ("app.plain.__kwdefaults__['second'] = 5", "plain.__kwdefaults__['second']", 2, 5, SUSPECT),
    ("app.plain.__code__ = (lambda: 5).__code__", "plain.__code__", "code object", "another code object", DANGEROUS),
    ("app.plain.calls = 1", "plain.calls", None, 1, SUSPECT),
    ("app.plain.pytestmark = 1", "plain.pytestmark", None, 1, HARMLESS),
    ("app.plain._hypothesis_seed = 1", "plain._hypothesis_seed", None, 1, HARMLESS),
    ("app.collecting().append(1)", "collecting.__defaults__[0]", "0 items", "1 items: + 1", SUSPECT),
    ("app.Client.method.__defaults__ = None", "Client.method.__defaults__", "tuple of 1", None, DANGEROUS),
    ("app.Client.make.__defaults__ = None", "Client.make.__defaults__", "tuple of 1", None, DANGEROUS),
    ("app.Client.shown.fget.__defaults__ = None", "Client.shown.__defaults__", "tuple of 1", None, DANGEROUS),
    ("app.inner.__wrapped__.__defaults__ = None", "inner.__defaults__", "tuple of 1", None, DANGEROUS),
]


@pytest.fixture
def kind(tmp_path: Path) -> FunctionsKind:
    return FunctionsKind(ProjectModules([tmp_path]))


@pytest.fixture
def app(load: Load) -> Any:
    return load(SOURCE)


@pytest.mark.parametrize(("statement", "name", "was", "now", "level"), CASES, ids=[case[0] for case in CASES])
def test_a_change_is_told_by_name_and_undone(
    kind: FunctionsKind, app: Any, statement: str, name: str, was: Any, now: Any, level: Level
) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before

    exec(statement, {"app": app})

    expected = Change("functions", f"isolane_app.{name}", was, now, level)
    assert kind.diff(before, kind.snapshot()) == [expected]
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == ([expected] if level is HARMLESS else [])


def test_variables_of_a_closure_start_again(kind: FunctionsKind, app: Any) -> None:
    before = kind.snapshot()
    assert app.step() == 1
    found = {change.name.rpartition("<closure>.")[2]: change for change in kind.diff(before, kind.snapshot())}
    assert sorted(found) == ["count", "seen"]
    assert (found["count"].before, found["count"].after, found["count"].level) == (0, 1, SUSPECT)
    kind.restore(before)
    assert app.step() == 1


def test_the_same_function_runs_the_old_code(kind: FunctionsKind, app: Any) -> None:
    function, before = app.plain, kind.snapshot()
    app.plain.__code__ = (lambda: 5).__code__
    app.plain.extra = 1
    kind.restore(before)
    assert app.plain is function
    assert function() == (1, 2)
    assert not hasattr(function, "extra")


def test_calling_functions_changes_nothing_and_no_attributes_are_made_for_the_look(
    kind: FunctionsKind, app: Any
) -> None:
    before = kind.snapshot()
    app.plain(), app.inner(), app.Client().method()
    app.plain.__annotations__  # noqa: B018  # Python may make them now
    assert kind.diff(before, kind.snapshot()) == []


def test_functions_of_others_are_not_looked_at(kind: FunctionsKind, app: Any, monkeypatch: Any) -> None:
    before = kind.snapshot()
    monkeypatch.setattr(app.dumps, "calls", 1, raising=False)
    assert kind.diff(before, kind.snapshot()) == []
