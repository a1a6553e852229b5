"""What goes to Lua comes back, and branches come together in the order of their edges."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isolane.policy.codec import ConversionError, decode, encode
from isolane.policy.engine import YAMLEngine
from isolane.policy.lua_runtime import LuaRuntime

pytest.importorskip("lupa.lua54")

TEXT = st.text(st.characters(codec="utf-8") | st.characters(categories=["Cs"]), max_size=8)
PLAIN = (
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | TEXT
    | st.binary(max_size=4).filter(lambda raw: not is_text(raw))
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT | st.integers(-(2**63), 2**63 - 1), inner, max_size=4)
    ),
    max_leaves=12,
)
RUNTIME = LuaRuntime(trusted=True)
RUNTIME.execute("return nil")
ENGINE = YAMLEngine(lua_enabled=True, trusted=True)


def is_text(raw: bytes) -> bool:
    try:
        raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of the same kinds all through; nan is itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


@given(VALUES)
def test_a_value_comes_back_from_lua_as_it_went(value: Any) -> None:
    assert same(RUNTIME.execute("return state", value), value)


@given(VALUES)
def test_bytes_come_back_as_the_value_they_were(value: Any) -> None:
    assert same(decode(encode(value)), value)


@given(st.binary(max_size=40) | VALUES.map(encode).flatmap(lambda raw: st.integers(0, len(raw)).map(lambda n: raw[:n])))
def test_bytes_that_nobody_wrote_are_refused_or_a_value(raw: bytes) -> None:
    try:
        value = decode(raw)
    except ConversionError:
        return
    assert same(decode(encode(value)), value) or value is None or "None" in repr(value)


@settings(max_examples=25)
@given(st.permutations(range(6)), st.sets(st.integers(0, 5)), st.integers(1, 6))
def test_results_are_joined_in_the_order_of_the_edges(order: list[int], broken: set[int], most: int) -> None:
    """Whatever the order, however many run at a time, and however long each takes."""
    ENGINE._most_branches = most
    policy = {
        "nodes": [{"name": "start"}, {"name": "join"}]
        + [{"name": f"b{n}", "run": f"for _ = 1, {1000 * (6 - n)} do end return {{n = {n}}}"} for n in range(6)],
        "edges": [{"from": "start", "parallel": [f"b{n}" for n in order], "fan_in": "join"}],
    }
    for n in broken:
        policy["nodes"][n + 2]["run"] = "error('broken')"
    import yaml

    results = ENGINE.run(ENGINE.load(yaml.safe_dump(policy))).parallel_results

    assert [one.branch for one in results] == [f"b{n}" for n in order]
    assert [one.success for one in results] == [n not in broken for n in order]
    assert [one.state["n"] for one in results if one.success] == [n for n in order if n not in broken]
