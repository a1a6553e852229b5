"""Regions: what several modules refer to, what comes and goes, what is large; and nothing is kept alive for it."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.identity import addresses
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules

Load = Callable[..., ModuleType]


@pytest.fixture
def kind(tmp_path: Path) -> ModuleGlobalsKind:
    return ModuleGlobalsKind(ProjectModules([tmp_path]))


def test_what_two_modules_share_is_told_once_and_followed_when_one_lets_it_go(
    kind: ModuleGlobalsKind, load: Load
) -> None:
    first: Any = load("SHARED = {'x': [1]}")
    second: Any = load("from isolane_app import SHARED\n", "isolane_app_two")
    before = kind.snapshot()
    first.SHARED["x"].append(2)
    (change,) = kind.diff(before, kind.snapshot())
    assert change.name == "isolane_app.SHARED['x']"

    first.SHARED = None
    before = kind.snapshot()
    second.SHARED["x"].append(3)
    (change,) = kind.diff(before, kind.snapshot())
    assert change.name == "isolane_app_two.SHARED['x']"


def test_a_module_that_is_gone_does_not_look_again_for_what_another_lets_go(
    kind: ModuleGlobalsKind, load: Load
) -> None:
    first: Any = load("SHARED = {'x': [1]}")
    load("from isolane_app import SHARED\n", "isolane_app_two")
    kind.snapshot()
    del sys.modules["isolane_app_two"]
    before = kind.snapshot()

    first.SHARED = None

    assert [change.name for change in kind.diff(before, kind.snapshot())] == ["isolane_app.SHARED"]


def test_modules_that_come_and_go_are_looked_at_while_they_are_there(kind: ModuleGlobalsKind, load: Load) -> None:
    first: Any = load("X = 1")
    before = kind.snapshot()
    second: Any = load("X = 1", "isolane_app_two")
    after = kind.snapshot()
    assert kind.diff(before, after) == []
    second.X = first.X = 2
    names = [change.name for change in kind.diff(after, kind.snapshot())]
    assert names == ["isolane_app.X", "isolane_app_two.X"]
    del sys.modules["isolane_app_two"]
    again: Any = load("X = 3", "isolane_app_two")
    assert kind.diff(after, kind.snapshot()) == [Change("module_globals", "isolane_app.X", 1, 2, Level.SUSPECT)]
    again.X = 4
    assert again.X == 4


def test_an_object_that_a_test_made_and_dropped_is_not_kept_alive_beyond_the_next_look(
    kind: ModuleGlobalsKind, load: Load
) -> None:
    app: Any = load("TABLE = {}\nclass Settings:\n    pass\nsettings = Settings()")

    class Made:
        pass

    kind.snapshot()
    made = Made()
    alive, of_class = weakref.ref(made), weakref.ref(Made)
    app.TABLE["made"], app.settings.made, app.made = made, [made], made
    del made, Made
    kind.diff(kind.snapshot(), kind.snapshot())
    del app.TABLE["made"], app.settings.made, app.made
    kind.snapshot()
    gc.collect()
    assert alive() is None
    assert of_class() is None


def test_a_large_container_is_known_by_its_length_and_its_ends(kind: ModuleGlobalsKind, load: Load) -> None:
    app: Any = load(
        """
        from collections import deque
        table = dict.fromkeys(range(20_000))
        items = [*range(20_000)]
        bag = set(items)
        line = deque(items)
        raw = bytearray(20_000)
        """
    )
    for statement in (
        "app.table['new'] = 1",
        "app.table[19_999] = 1",
        "app.items.append(1)",
        "app.items[0] = 'x'",
        "app.bag.add('x')",
        "app.line.appendleft('x')",
        "app.raw[9_000] = 1",
    ):
        before = kind.snapshot()
        exec(statement, {"app": app})
        assert len(kind.diff(before, kind.snapshot())) == 1, statement
        kind.restore(before)
        assert kind.diff(before, kind.snapshot()) == []


def test_addresses_tell_objects_apart_and_lose_their_order_never() -> None:
    first, second = object(), object()
    assert addresses((first, second)) == addresses((first, second))
    assert addresses((first, second)) != addresses((second, first))
    assert addresses((first,)) != addresses((first, first))
