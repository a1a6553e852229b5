"""Whatever is done to the data that a module's globals lead to is found and undone: same objects, same contents."""

from __future__ import annotations

import sys
from collections import deque
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isolane.process_state import identity, regions
from isolane.process_state.module_globals import ModuleGlobalsKind
from isolane.process_state.project_modules import ProjectModules

NAME = "isolane_planted_module"
ATOMS = st.one_of(st.none(), st.booleans(), st.integers(0, 3), st.sampled_from(["", "a", "b"]), st.just(2.0))
KEYS = st.sampled_from(["a", "b", "c", 1, 2, None])
VALUES = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.lists(inner, max_size=3).map(deque),
        st.lists(inner, max_size=2).map(tuple),
        st.sets(ATOMS, max_size=3),
        st.binary(max_size=2).map(bytearray),
        st.dictionaries(st.sampled_from("xyz"), inner, max_size=3).map(lambda names: SimpleNamespace(**names)),
    ),
    max_leaves=6,
)
GLOBALS = st.dictionaries(st.sampled_from(["FIRST", "SECOND", "third"]), VALUES, min_size=1)
STEPS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 4), KEYS, VALUES), min_size=1, max_size=4)


def reached(value: Any, found: dict[int, Any]) -> dict[int, Any]:
    """Return all that can be changed and is reached from a value, by id."""
    if isinstance(value, (list, dict, deque, set, bytearray, SimpleNamespace, tuple)) and id(value) not in found:
        found[id(value)] = value
        content = vars(value) if isinstance(value, SimpleNamespace) else value
        for inner in content.values() if isinstance(content, dict) else content:
            reached(inner, found)
    return found


def shape(namespace: dict[str, Any]) -> tuple[object, dict[int, object]]:
    """Return what there is and what is in it, to be compared by value."""

    def told(value: Any) -> object:
        return id(value) if id(value) in found else (type(value), value)

    def content(value: Any) -> object:
        if isinstance(value, SimpleNamespace):
            return {name: told(inner) for name, inner in vars(value).items()}
        if isinstance(value, dict):
            return [(type(key), key, told(inner)) for key, inner in value.items()]
        if isinstance(value, set):
            return frozenset(map(told, value))
        return [told(inner) for inner in value]

    names = {name: value for name, value in namespace.items() if not name.startswith("__")}
    found: dict[int, Any] = {}
    for value in names.values():
        reached(value, found)
    return {name: told(value) for name, value in names.items()}, {key: content(value) for key, value in found.items()}


def change(namespace: dict[str, Any], step: tuple[int, int, Any, Any]) -> None:
    """Do one thing to one of the things that can be changed, the namespace among them."""
    which, what, key, value = step
    things: list[Any] = [namespace]
    for name, inner in namespace.items():
        if not name.startswith("__"):
            things += [thing for thing in reached(inner, {}).values() if not isinstance(thing, tuple)]
    thing = things[which % len(things)]
    if what == 4 and len(things) > 1 and not isinstance(thing, (set, bytearray)):
        value = things[1 + which % (len(things) - 1)]  # shared, or even in itself
    if thing is namespace:
        names = [name for name in namespace if not name.startswith("__")]
        if what == 0 and names:
            del namespace[names[-1]]
        else:
            # A new name with a number behind it, which no text says, would be noted and stay.
            namespace[f"name_{key}_" if what == 1 else (names or ["FIRST"])[0]] = value
    elif isinstance(thing, SimpleNamespace):
        vars(thing).clear() if what == 0 else setattr(thing, str(key), value)
    elif isinstance(thing, dict):
        if what == 0:
            thing.clear()
        elif what == 1 and thing:
            thing.popitem()
        else:
            thing[key] = value
    elif isinstance(thing, set):
        thing.clear() if what == 0 else thing.add(key)
    elif isinstance(thing, bytearray):
        thing.clear() if what == 0 else thing.append(which)
    elif what == 0:
        thing.clear()
    elif what == 1 and thing:
        thing.pop()
    elif what == 2 and thing:
        thing[-1] = value
    else:
        thing.append(value)


@pytest.fixture(params=["by memory", "by calls"])
def _in_both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "by calls":
        monkeypatch.setattr(identity, "_copy_memory", None)
        monkeypatch.setattr(regions, "version_of", None)
    monkeypatch.setattr(regions, "DEEPEST", 50)
    monkeypatch.setitem(sys.modules, NAME, ModuleType(NAME))


@pytest.mark.usefixtures("_in_both_ways")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(GLOBALS, STEPS)
def test_any_change_is_found_and_undone(planted: dict[str, Any], steps: list[tuple[int, int, Any, Any]]) -> None:
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    vars(module).update(planted)
    kind = ModuleGlobalsKind(ProjectModules([], also=[NAME]))
    before, old = kind.snapshot(), shape(vars(module))
    for step in steps:
        change(vars(module), step)

    after = kind.snapshot()

    assert (kind.diff(before, after) != []) == (shape(vars(module)) != old)
    kind.restore(before)
    assert shape(vars(module)) == old
    assert kind.diff(before, kind.snapshot()) == []


@pytest.mark.usefixtures("_in_both_ways")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(GLOBALS, STEPS, STEPS)
def test_looks_in_between_find_what_one_look_would(planted: dict[str, Any], first: Any, second: Any) -> None:
    module = ModuleType(NAME)
    sys.modules[NAME] = module
    vars(module).update(planted)
    kind = ModuleGlobalsKind(ProjectModules([], also=[NAME]))
    before, old = kind.snapshot(), shape(vars(module))
    for step in first:
        change(vars(module), step)
        kind.snapshot()
    middle, between = kind.snapshot(), shape(vars(module))
    for step in second:
        change(vars(module), step)
        kind.snapshot()
    assert (kind.diff(middle, kind.snapshot()) != []) == (shape(vars(module)) != between)
    kind.restore(middle)
    assert shape(vars(module)) == between
    kind.restore(before)
    assert shape(vars(module)) == old
