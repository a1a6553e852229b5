"""``sys.path`` is given back: the list that it was, with what was in it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change
from isolane.process_state.sys_path import ImportPathKind

KIND = ImportPathKind()
STEPS = st.one_of(
    st.tuples(st.just("insert"), st.integers(-3, 3), st.text(max_size=3)),
    st.tuples(st.just("pop"), st.integers(-3, 3)),
    st.tuples(st.just("clear")),
    st.tuples(st.just("reverse")),
    st.tuples(st.just("replace"), st.lists(st.text(max_size=3), max_size=3)),
    st.tuples(st.just("replace by a tuple")),
    st.tuples(st.just("replace by nothing")),
)


def take(step: tuple) -> None:
    path = sys.path if isinstance(sys.path, list) else []
    match step:
        case ("insert", position, entry):
            path.insert(position, entry)
        case ("pop", position) if -len(path) <= position < len(path):
            path.pop(position)
        case ("clear",):
            path.clear()
        case ("reverse",):
            path.reverse()
        case ("replace", entries):
            sys.path = list(entries)
        case ("replace by a tuple",):
            sys.path = tuple(path)
        case ("replace by nothing",):
            sys.path = None


@pytest.mark.req("R2.4")
@given(st.lists(STEPS, max_size=6))
def test_any_changes_are_undone(steps: list[tuple]) -> None:
    path, entries = sys.path, list(sys.path)
    before = KIND.snapshot()
    try:
        for step in steps:
            take(step)
        KIND.snapshot()
        KIND.restore(before)
        assert sys.path is path
        assert path == entries
        assert KIND.diff(before, KIND.snapshot()) == []
    finally:
        sys.path = path
        path[:] = entries


def test_a_diff_names_entries_and_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["old", "twice", "twice"])
    before = KIND.snapshot()
    monkeypatch.setattr(sys, "path", ["new", "twice"])
    assert KIND.diff(before, KIND.snapshot()) == [
        Change("sys_path", "old", 0, None),
        Change("sys_path", "twice", 2, None),
        Change("sys_path", "new", None, 0),
        Change("sys_path", "sys.path", "the list", "another object"),
    ]


def test_a_fixtures_entry_stays_and_the_tests_goes() -> None:
    initial = KIND.snapshot()
    try:
        sys.path.insert(0, "test")
        before = KIND.snapshot()
        sys.path.insert(0, "fixture")
        KIND.restore(KIND.rebase(initial, before, KIND.snapshot()))
        assert sys.path == ["fixture", *initial.entries]
        assert sys.path is initial.path
    finally:
        KIND.restore(initial)
