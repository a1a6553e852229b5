"""What is found after a test, whose it is, and when the dear kinds are looked at."""

from __future__ import annotations

import pytest

from isolane.model.clock import FakeClock
from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.watch import StateWatch


class Notes:
    """A kind of state that is a dictionary; looking at it takes as long as it is told."""

    def __init__(self, name: str, clock: FakeClock, seconds: float = 0.0) -> None:
        self.name = name
        self.notes: dict[str, str] = {}
        self.looks = 0
        self.sticky = False
        self._clock = clock
        self._seconds = seconds

    def snapshot(self) -> dict[str, str]:
        self.looks += 1
        self._clock.advance(self._seconds)
        return dict(self.notes)

    def diff(self, before: dict[str, str], after: dict[str, str]) -> list[Change]:
        return [
            Change(self.name, key, before.get(key), after.get(key), Level.HARMLESS if key == "warm" else Level.SUSPECT)
            for key in sorted(before.keys() | after.keys())
            if before.get(key) != after.get(key)
        ]

    def rebase(self, pending: dict[str, str], before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
        changed = {change.name for change in self.diff(before, after)}
        kept = {key: value for key, value in pending.items() if key not in changed}
        return kept | {key: after[key] for key in changed if key in after}

    def restore(self, before: dict[str, str]) -> None:
        if self.sticky:
            raise RestoreError("stuck", "It cannot be had back.")
        self.notes = dict(before)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def quick(clock):
    return Notes("quick", clock)


@pytest.fixture
def dear(clock):
    return Notes("dear", clock, seconds=0.010)


@pytest.fixture
def watch(clock, quick, dear):
    watch = StateWatch([quick], [dear], share=0.1, clock=clock)
    watch.begin()
    return watch


def names(changes):
    return [(change.kind, change.name) for change in changes]


def test_a_change_is_found_once(watch, quick):
    quick.notes["left"] = "x"
    found = watch.look(closely=False)
    assert names(found.changes) == [("quick", "left")]
    assert found.dirty
    assert watch.look(closely=True).changes == ()


def test_what_is_harmless_leaves_nothing_dirty(watch, quick):
    quick.notes["warm"] = "x"
    found = watch.look(closely=False)
    assert names(found.changes) == [("quick", "warm")]
    assert not found.dirty


def test_dear_kinds_wait_until_the_tests_have_paid_for_them(watch, clock, dear):
    dear.notes["left"] = "x"
    looks = dear.looks
    clock.advance(0.050)
    first = watch.look(closely=False)
    assert (first.whole, first.changes, dear.looks) == (False, (), looks)
    clock.advance(0.051)
    second = watch.look(closely=False)
    assert second.whole
    assert names(second.changes) == [("dear", "left")]


def test_the_dear_kinds_take_no_more_than_their_share_of_the_time(watch, clock, dear):
    looks, began = dear.looks, clock.monotonic()
    for _ in range(1000):
        clock.advance(0.003)
        watch.look(closely=False)
    spent = (dear.looks - looks) * 0.010
    assert spent <= 0.1 * (clock.monotonic() - began)
    assert dear.looks > looks + 20


def test_a_close_look_and_dirt_are_looks_at_everything(watch, quick, dear):
    dear.notes["left"] = "x"
    assert names(watch.look(closely=True).changes) == [("dear", "left")]
    dear.notes["left"], quick.notes["left"] = "y", "y"
    assert names(watch.look(closely=False).changes) == [("quick", "left"), ("dear", "left")]


def test_what_a_fixture_sets_up_is_its_own_until_it_is_torn_down(watch, quick):
    watch.owner_begins("fixture")
    quick.notes.update(kept="1", undone="1")
    watch.owner_is_ready("fixture")
    quick.notes["test"] = "1"
    assert names(watch.look(closely=True).changes) == [("quick", "test")]
    watch.owner_ends("fixture")
    del quick.notes["undone"]
    quick.notes["late"] = "1"
    assert names(watch.owner_has_ended("fixture")) == [("quick", "kept"), ("quick", "late")]
    assert watch.look(closely=True).changes == ()


def end_of_a_fixture(watch, quick, *, also=""):
    """Set up a fixture, change something besides where that is given, tear down, and return what a look finds."""
    watch.owner_begins("fixture")
    quick.notes["kept"] = "x"
    watch.owner_is_ready("fixture")
    if also:
        watch.owner_begins("another")
        quick.notes[also] = "y"
        watch.owner_is_ready("another")
    quick.notes["of the test"] = "z"
    watch.owner_ends("fixture")
    assert names(watch.owner_has_ended("fixture", lambda _change: True)) == [("quick", "kept")]
    before = watch.expected()
    found = watch.look(closely=True).changes
    return before, found


def test_what_is_to_go_is_found_by_the_next_look_and_put_back(watch, quick):
    before, found = end_of_a_fixture(watch, quick)
    assert names(found) == [("quick", "kept"), ("quick", "of the test")]
    assert watch.restore(before, found) == ()
    assert quick.notes == {}


def test_what_is_to_go_stays_where_another_fixture_has_changed_its_kind_since(watch, quick):
    before, found = end_of_a_fixture(watch, quick, also="counts on it")
    assert names(found) == [("quick", "of the test")]
    watch.restore(before, found)
    assert quick.notes == {"kept": "x", "counts on it": "y"}


def test_a_fixture_within_a_fixture_owns_what_it_changed(watch, quick):
    watch.owner_begins("outer")
    quick.notes["outer"] = "1"
    watch.owner_begins("inner")
    quick.notes["inner"] = "1"
    watch.owner_is_ready("inner")
    watch.owner_is_ready("outer")
    watch.owner_ends("outer")
    assert names(watch.owner_has_ended("outer")) == [("quick", "outer")]
    watch.owner_ends("inner")
    assert names(watch.owner_has_ended("inner")) == [("quick", "inner")]


def test_what_a_failed_fixture_changed_is_the_tests(watch, quick):
    watch.owner_begins("fixture")
    quick.notes["half"] = "1"
    watch.owner_is_ready("fixture", failed=True)
    assert names(watch.look(closely=True).changes) == [("quick", "half")]
    assert watch.owner_has_ended("fixture") == ()


def test_what_is_put_back_is_not_found_again(watch, quick):
    quick.notes["before"] = "1"
    watch.look(closely=True)
    expected = watch.expected()
    quick.notes["left"] = "x"
    found = watch.look(closely=True)
    assert watch.restore(expected, found.changes) == ()
    assert quick.notes == {"before": "1"}
    assert watch.look(closely=True).changes == ()


def test_what_cannot_be_put_back_is_told(watch, quick):
    quick.sticky = True
    expected = watch.expected()
    quick.notes["left"] = "x"
    found = watch.look(closely=True)
    assert names(watch.restore(expected, found.changes)) == [("quick", "left")]


@pytest.mark.parametrize("share", [0, -1, 1.5])
def test_a_share_is_a_part_of_a_whole(share):
    with pytest.raises(ValueError, match="share"):
        StateWatch([], share=share)


def test_accepted_changes_are_not_found(clock, quick):
    watch = StateWatch([quick], is_accepted=lambda change: change.name == "known", clock=clock)
    watch.begin()
    quick.notes.update(known="1", other="1")
    assert names(watch.look(closely=True).changes) == [("quick", "other")]
