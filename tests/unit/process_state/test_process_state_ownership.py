"""What a test changed is undone; what a fixture that outlives it changed stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from isolane.model.state import Change
from isolane.process_state.ownership import StateStack


class Board:
    """A kind of state that is a dictionary; it can be told to fail."""

    def __init__(self, name: str = "board") -> None:
        self.name = name
        self.notes: dict[str, int] = {}
        self.error: Exception | None = None

    def snapshot(self) -> dict[str, int]:
        return dict(self.notes)

    def diff(self, before: dict[str, int], after: dict[str, int]) -> list[Change]:
        return [Change(self.name, key, before.get(key), after.get(key)) for key in before.keys() ^ after.keys()]

    def rebase(self, pending: dict[str, int], before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        kept = {key: value for key, value in pending.items() if key not in changed}
        return kept | {key: after[key] for key in changed if key in after}

    def restore(self, before: dict[str, int]) -> None:
        if self.error:
            raise self.error
        self.notes = dict(before)


@pytest.fixture
def board() -> Iterator[Board]:
    return Board()


def test_a_tests_change_is_undone(board: Board) -> None:
    stack = StateStack([board])
    stack.begin("test")
    board.notes["x"] = 1
    assert stack.undo("test") == []
    assert board.notes == {}
    assert stack.is_empty


def test_a_late_fixtures_change_stays_and_the_tests_around_it_do_not(board: Board) -> None:
    stack = StateStack([board])
    stack.begin("test")
    board.notes.update(before=1, both=1)
    stack.begin("fixture")
    board.notes.update(fixture=2, both=2)
    stack.adopt("fixture")
    board.notes.update(after=3, both=3)
    stack.undo("test")
    assert board.notes == {"fixture": 2, "both": 2}


def test_a_failing_fixture_is_undone_but_not_the_one_it_had_asked_for(board: Board) -> None:
    stack = StateStack([board])
    stack.begin("test")
    board.notes["test"] = 0
    stack.begin("outer")
    board.notes["outer"] = 1
    stack.begin("inner")
    board.notes["inner"] = 2
    stack.adopt("inner")
    stack.undo("outer")
    assert board.notes == {"test": 0, "inner": 2}
    stack.undo("test")
    assert board.notes == {"inner": 2}


def test_a_kept_kind_is_not_undone_not_even_by_a_fixture() -> None:
    kept, other = Board("kept"), Board("other")
    stack = StateStack([kept, other])
    stack.begin("test", without={"kept"})
    kept.notes["x"] = other.notes["x"] = 1
    stack.begin("fixture")
    kept.notes["y"] = other.notes["y"] = 2
    stack.adopt("fixture")
    stack.undo("test")
    assert (kept.notes, other.notes) == ({"x": 1, "y": 2}, {"y": 2})


def test_every_kind_has_its_turn_when_one_fails_and_the_failure_is_returned() -> None:
    failing, other = Board("failing"), Board("other")
    stack = StateStack([failing, other])
    stack.begin("test")
    other.notes["x"] = 1
    failing.error = OSError("gone")
    assert stack.undo("test") == [failing.error]
    assert other.notes == {}


def test_an_owner_who_never_ended_goes_with_the_one_around_it(board: Board) -> None:
    stack = StateStack([board])
    stack.begin("test")
    board.notes["x"] = 1
    stack.begin("fixture")
    board.notes["y"] = 2
    assert stack.undo("test") == []
    assert (board.notes, stack.is_empty) == ({}, True)
    assert stack.undo("test") == []
    stack.adopt("fixture")


class AnyNesting(RuleBasedStateMachine):
    """Fixtures in fixtures in a test, against a model: a note stays when everyone down to its writer stays."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board()
        self.stack = StateStack([self.board])
        self.owners: list[object] = [object()]
        self.written: list[set[str]] = [set()]
        self.kept: set[str] = set()
        self.count = 0
        self.stack.begin(self.owners[0])

    @rule()
    def write(self) -> None:
        self.count += 1
        self.board.notes[f"note {self.count}"] = self.count
        self.written[-1].add(f"note {self.count}")

    @rule()
    def begin(self) -> None:
        self.owners.append(object())
        self.written.append(set())
        self.stack.begin(self.owners[-1])

    @precondition(lambda self: len(self.owners) > 1)
    @rule(succeeds=st.booleans())
    def end(self, succeeds: bool) -> None:
        owner, notes = self.owners.pop(), self.written.pop()
        if succeeds:
            self.stack.adopt(owner)
            self.kept |= notes
        else:
            self.stack.undo(owner)

    @invariant()
    def what_is_there_is_what_stayed_and_what_is_under_way(self) -> None:
        assert set(self.board.notes) == self.kept.union(*self.written)

    def teardown(self) -> None:
        for owner in reversed(self.owners):
            self.stack.undo(owner)
        assert set(self.board.notes) == self.kept


TestAnyNesting = AnyNesting.TestCase


@given(st.sets(st.sampled_from("abc")))
def test_outside_a_test_nothing_is_kept_in_mind(keys: set[str]) -> None:
    board = Board()
    stack = StateStack([board])
    stack.begin("fixture")
    board.notes = dict.fromkeys(keys, 1)
    stack.adopt("fixture")
    assert stack.is_empty
    assert set(board.notes) == keys
