"""What fills itself by being asked, or goes with its object, is harmless; what could be set by anybody is not."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Level
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]

SOURCE = """
    import functools
    import weakref
    import ast
    from collections import Counter, defaultdict, deque
    from contextvars import ContextVar

    class Recent:
        def __init__(self):
            self.answers = {}
            self.order = deque()

        def ask(self, *arguments):
            if arguments in self.answers:
                self.order.remove(arguments)
            self.answers[arguments] = self.answers.get(arguments) or ["answer"]
            self.order.append(arguments)
            if len(self.order) > 2:
                del self.answers[self.order.popleft()]

    class Made(dict):
        def __missing__(self, key):
            self[key] = key * 2
            return self[key]

    class Named:
        pass

    class Answered(dict):
        def __missing__(self, key):
            return 0

    cache = Recent()
    recent = Recent()
    cache_of_names = {}
    memoized = {}
    made, answered, counted = Made(), Answered(), Counter()
    named = Named()
    cache.ask(1, 2)
    recent.ask(1, 2)
    cache.ask(3, 4)
    ordered_cache = {(1,): "a", (2,): "b"}
    living, dying = Named(), Named()
    heard = {1: weakref.ref(living), 2: weakref.ref(dying)}
    heard_by = {weakref.ref(living): 1, weakref.ref(dying): 2}
    cache_setup = ["first", "second"]

    class Bound:
        def __init__(self, owner):
            self._call, self.call = owner.call, owner.call

    class Owner:
        def call(self):
            return 1

        def other(self):
            return 2

    bound = Bound(Owner())
    codes = {Owner.call.__code__}
    users = {}
    asked = defaultdict(set, {"old": set(), "kept": {1}})
    known = {}
    nodes = [ast.Name("a", lineno=1)]
"""

SUSPECT, HARMLESS, NOTED, DANGEROUS = Level.SUSPECT, Level.HARMLESS, Level.NOTED, Level.DANGEROUS


@pytest.fixture
def kind(tmp_path: Path) -> ModuleGlobalsKind:
    return ModuleGlobalsKind(ProjectModules([tmp_path]))


@pytest.fixture
def app(load: Load) -> Any:
    return load(SOURCE)


@pytest.mark.parametrize(
    ("statement", "level"),
    [
        ("app.cache.ask(5, 6)", HARMLESS),
        ("app.cache.ask(1, 2)", HARMLESS),
        ("del app.heard[1]", SUSPECT),
        ("app.heard[3] = app.heard[1]", SUSPECT),
        ("app.cache.answers.clear(); app.cache.order.clear()", HARMLESS),
        ("app.ordered_cache[1,] = app.ordered_cache.pop((1,))", HARMLESS),
        ("app.cache.answers[1, 2].append('more')", SUSPECT),
        ("app.cache.answers[1, 2] = ['another']", SUSPECT),
        ("app.recent.ask(5, 6)", SUSPECT),
        ("app.memoized[1, 2] = object()", HARMLESS),
        ("app.cache_of_names['settings'] = object()", SUSPECT),
        ("app.cache_setup.reverse()", SUSPECT),
        ("app.made['a']", HARMLESS),
        ("app.made['a'] = object()", SUSPECT),
        ("app.answered['a'] = 1", SUSPECT),
        ("app.counted['a'] += 1", SUSPECT),
        ("app.functools.update_wrapper(app.named, len, updated=())", SUSPECT),
        ("app.named.__doc__ = None; app.named.__module__ = 'x'", HARMLESS),
        ("app.bound._call = app.Owner().call", NOTED),
        ("app.bound._call = app.Owner().other", DANGEROUS),
        ("app.bound.call = app.Owner().call", DANGEROUS),
        ("app.codes.add(app.Owner.other.__code__)", NOTED),
        ("app.codes.add(app.Owner.other)", SUSPECT),
        ("app.codes.add(app.Owner.other.__code__); app.codes.add(app.Owner.other)", SUSPECT),
        ("app.users['x'] = app.ContextVar('x')", NOTED),
        ("app.users['x'] = app.Owner()", SUSPECT),
        ("app.known[id(app.living)] = app.weakref.ref(app.living)", NOTED),
        ("app.known[1] = app.weakref.ref(app.living)", SUSPECT),
        ("app.known['living'] = app.weakref.ref(app.living)", SUSPECT),
        ("del app.asked['old']", HARMLESS),
        ("del app.asked['kept']", SUSPECT),
        ("app.nodes[0].lineno = 7", HARMLESS),
        ("app.nodes[0].id = 'b'", SUSPECT),
    ],
)
def test_how_bad_it_is_that_something_fills(kind: ModuleGlobalsKind, app: Any, statement: str, level: Level) -> None:
    before = kind.snapshot()
    exec(statement, {"app": app})
    found = {change.level for change in kind.diff(before, kind.snapshot())}
    assert found in ({level}, {HARMLESS, level})


def test_a_cache_in_a_module_that_is_called_so_is_not_called_so_itself(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load("TABLE = {}", "isolane_app_cache")
    before = kind.snapshot()
    app.TABLE[1, 2] = "x"
    assert [change.level for change in kind.diff(before, kind.snapshot())] == [SUSPECT]


def test_a_cache_stays_whole_when_the_rest_is_put_back(kind: ModuleGlobalsKind, app: Any) -> None:
    before = kind.snapshot()
    app.cache.ask(5, 6)
    app.cache.ask(3, 4)
    app.cache.answers[3, 4] = ["replaced"]
    app.cache.extra = 1
    kind.restore(before)
    assert list(app.cache.order) == [(5, 6), (3, 4)]
    assert app.cache.answers == {(3, 4): ["answer"], (5, 6): ["answer"]}
    assert not hasattr(app.cache, "extra")


def test_an_attribute_that_is_none_is_told_from_one_that_is_not_there(kind: ModuleGlobalsKind, app: Any) -> None:
    before = kind.snapshot()
    app.named.owner = None
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.before, change.after) == (None, "None")


def test_a_weak_reference_goes_with_its_object(kind: ModuleGlobalsKind, app: Any) -> None:
    del app.dying  # by the test that made it
    gc.collect()
    before = kind.snapshot()
    del app.heard[2]
    (dead,) = [reference for reference in app.heard_by if reference() is None]
    del app.heard_by[dead], dead
    assert [change.level for change in kind.diff(before, kind.snapshot())] == [HARMLESS, HARMLESS]
