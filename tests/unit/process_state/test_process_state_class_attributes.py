"""A class that a test has patched is found by the name of the attribute, and put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.class_attributes import ClassAttributesKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]

SOURCE = """
    import abc
    import enum
    import functools
    import unittest
    from json import JSONEncoder

    class Meta(type):
        def __setattr__(cls, name, value):
            raise TypeError("no")

    class Base(abc.ABC):
        @abc.abstractmethod
        def run(self): ...

    class Client(Base):
        timeout = 3
        retries = None
        registry = {"a": [1]}

        class Inner:
            depth = 1

        def run(self):
            return 1

        @classmethod
        def make(cls):
            return cls()

        @functools.cached_property
        def lazy(self):
            return 1

    class Strict(metaclass=Meta):
        limit = 1

    class Colour(enum.Flag):
        RED = 1
        BLUE = 2

    class TestCase(unittest.TestCase):
        def test(self): ...
"""
SUSPECT, DANGEROUS, HARMLESS = Level.SUSPECT, Level.DANGEROUS, Level.HARMLESS
CASES: list[tuple[str, str, object, object, Level]] = [
    ("app.Client.timeout = 4", "Client.timeout", 3, 4, SUSPECT),
    ("app.Client.retries = 4", "Client.retries", None, 4, SUSPECT),
    ("app.Client.new = 4", "Client.new", None, 4, SUSPECT),
    ("del app.Client.timeout", "Client.timeout", 3, None, DANGEROUS),
    ("app.Client.run = lambda self: 2", "Client.run", "function Client.run", "function <lambda>", DANGEROUS),
    ("app.Client.make = 2", "Client.make", "classmethod object", 2, DANGEROUS),
    ("app.Client.Inner = 2", "Client.Inner", "class Inner", 2, DANGEROUS),
    ("app.Client.Inner.depth = 2", "Client.Inner.depth", 1, 2, SUSPECT),
    ("app.Client.registry['b'] = 1", "Client.registry['b']", None, 1, SUSPECT),
    ("app.Client.registry['a'].append(2)", "Client.registry['a']", "1 items", "2 items: + 2", SUSPECT),
    ("type.__setattr__(app.Strict, 'limit', 2)", "Strict.limit", 1, 2, SUSPECT),
    ("app.Client.pytestmark = 1", "Client.pytestmark", None, 1, HARMLESS),
    ("app.TestCase.__unittest_skip__ = True", "TestCase.__unittest_skip__", None, True, HARMLESS),
    ("app.TestCase.tearDown_exceptions = []", "TestCase.tearDown_exceptions", None, "list of 0", HARMLESS),
    ("app.Client._pytest_x = 1", "Client._pytest_x", None, 1, HARMLESS),
]


@pytest.fixture
def kind(tmp_path: Path) -> ClassAttributesKind:
    return ClassAttributesKind(ProjectModules([tmp_path]))


@pytest.fixture
def app(load: Load) -> Any:
    return load(SOURCE)


@pytest.mark.parametrize(("statement", "name", "was", "now", "level"), CASES, ids=[case[0] for case in CASES])
def test_a_change_is_told_by_name_and_undone(
    kind: ClassAttributesKind, app: Any, statement: str, name: str, was: Any, now: Any, level: Level
) -> None:
    before = kind.snapshot()
    assert kind.snapshot() is before

    exec(statement, {"app": app})

    expected = Change("class_attributes", f"isolane_app.{name}", was, now, level)
    assert kind.diff(before, kind.snapshot()) == [expected]
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == ([expected] if level is HARMLESS else [])


def test_the_very_method_is_back(kind: ClassAttributesKind, app: Any) -> None:
    method, before = app.Client.run, kind.snapshot()
    app.Client.run = lambda self: 2
    assert app.Client().run() == 2
    kind.restore(before)
    assert app.Client.run is method
    assert app.Client().run() == 1


def test_using_a_class_changes_nothing(kind: ClassAttributesKind, app: Any) -> None:
    before = kind.snapshot()
    client = app.Client.make()
    assert client.lazy == 1
    assert isinstance(client, app.Base)
    assert app.Colour.RED | app.Colour.BLUE
    app.Base.register(int)
    app.Client.__annotations__  # noqa: B018  # Python may note them on the class now
    found = kind.diff(before, kind.snapshot())
    assert [change for change in found if change.level is not HARMLESS] == []


def test_classes_of_others_are_not_looked_at(kind: ClassAttributesKind, app: Any, monkeypatch: Any) -> None:
    before = kind.snapshot()
    monkeypatch.setattr(app.JSONEncoder, "item_separator", ";")
    assert kind.diff(before, kind.snapshot()) == []


def test_what_a_fixture_patched_in_between_stays(kind: ClassAttributesKind, app: Any) -> None:
    initial = kind.snapshot()
    app.Client.timeout = 4
    before = kind.snapshot()
    app.Client.retries = 5
    pending = kind.rebase(initial, before, kind.snapshot())
    app.Client.retries = 6
    kind.restore(pending)
    assert (app.Client.timeout, app.Client.retries) == (3, 5)
