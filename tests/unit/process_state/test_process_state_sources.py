"""What is only counted up is known by the text of the project, and what anybody asks for is not taken for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Level
from isolane.process_state.class_attributes import ClassAttributesKind
from isolane.process_state.logging_state import LoggingKind
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules
from isolane.process_state.sources import Sources

Load = Callable[..., ModuleType]

COUNTED = """
    made = 0

    class Part:
        number = 0
        __count = 0
        reset = 0

        def __init__(self):
            Part.number += 1
            self.order = Part.number

        @classmethod
        def count(cls):
            Part.__count += 1
            return f"part_{Part.__count}"

        def start(self):
            Part.reset += 1
            if Part.reset > 5:
                Part.reset = 0

    def make():
        global made
        made += 1
"""


@pytest.fixture
def modules(tmp_path: Path) -> ProjectModules:
    return ProjectModules([tmp_path])


def test_a_counter_that_its_own_function_reads_is_only_counted_up(load: Load, modules: ProjectModules) -> None:
    load(COUNTED)
    sources = Sources(modules)
    assert [name for name in ("number", "_Part__count", "made", "reset", "order") if sources.only_count(name)] == [
        "number",
        "_Part__count",
        "made",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "def test(app): assert app.Part.number == 1",
        "def test(app): app.Part.number = 0",
        "def test(app): app.Part.number -= 1",
        "def test(app): app.Part.number += 0.5",
        "def test(app): del app.Part.number",
        "def test(monkeypatch, app): monkeypatch.setattr(app.Part, 'number', 0)",
        "def test(make): make(number=1)",
        "def test(number): pass",
        "from isolane_app_numbers import number",
        "print(lambda part: part.number)",
    ],
)
def test_a_counter_that_anybody_else_knows_of_is_none(load: Load, modules: ProjectModules, line: str) -> None:
    load(COUNTED)
    load("number = 3", "isolane_app_numbers")
    load(line, "isolane_app_tests")
    assert not Sources(modules).only_count("number")


def test_a_module_that_comes_later_is_asked_as_well(load: Load, modules: ProjectModules) -> None:
    load(COUNTED)
    sources = Sources(modules)
    assert sources.only_count("made")
    assert not sources.say("made_2")
    load("def test(app): assert app.made == made_2", "isolane_app_tests")
    assert not sources.only_count("made")
    assert sources.say("made_2")


def test_who_cannot_be_read_may_say_anything(load: Load, modules: ProjectModules) -> None:
    app: Any = load(COUNTED)
    Path(app.__file__).unlink()
    sources = Sources(modules)
    assert sources.say("anything_3")
    assert not sources.only_count("made")


def test_a_counter_is_noted_and_goes_on(load: Load, modules: ProjectModules) -> None:
    app: Any = load(COUNTED)
    kind = ClassAttributesKind(modules)
    before = kind.snapshot()
    app.Part()
    assert [change.level for change in kind.diff(before, kind.snapshot())] == [Level.NOTED]
    kind.restore(before)
    assert app.Part.number == 1
    app.Part.number = 0
    assert [change.level for change in kind.diff(kind.snapshot(), before)] == []


def test_a_global_that_is_an_imported_module_is_noted(load: Load, modules: ProjectModules) -> None:
    app: Any = load("def use():\n    global json, other\n    import json, types\n    other = types.ModuleType('json')")
    kind = ModuleGlobalsKind(modules)
    before = kind.snapshot()
    app.use()
    told = {change.name.rpartition(".")[2]: change.level for change in kind.diff(before, kind.snapshot())}
    assert told == {"json": Level.NOTED, "other": Level.SUSPECT}


def test_a_numbered_name_that_stands_nowhere_is_noted(load: Load, modules: ProjectModules) -> None:
    app: Any = load("def bind(name): globals()[name] = bind\nsaid_1 = None\ndel said_1")
    kind = ModuleGlobalsKind(modules)
    before = kind.snapshot()
    for name in ("made_up_7", "said_1", "unnumbered"):
        app.bind(name)
    told = {change.name.rpartition(".")[2]: change.level for change in kind.diff(before, kind.snapshot())}
    assert told == {"made_up_7": Level.NOTED, "said_1": Level.SUSPECT, "unnumbered": Level.SUSPECT}


def test_the_level_of_a_logger_that_one_place_names_is_noted(load: Load, modules: ProjectModules) -> None:
    load("""
        ONE = "isolane_once"
        TWICE = ["isolane_twice", 'isolane_twice']
        PACKAGE = "sqlite3"
        HEARD = "isolane_heard"
    """)
    kind = LoggingKind(modules)
    before = kind.snapshot()
    names = ("isolane_once", "isolane_twice", "isolane_never", "isolane_heard", "sqlite3")
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        logging.getLogger("isolane_heard").addHandler(logging.StreamHandler())
        told = {change.name: change.level for change in kind.diff(before, kind.snapshot())}
    finally:
        kind.restore(before)
    assert {name for name, level in told.items() if level is Level.NOTED} == {"isolane_once.level"}
    assert {f"{name}.level" for name in names} <= set(told)
