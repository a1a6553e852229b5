"""Edits of lists are compared by identity, told item by item, and merged."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from isolane.model.state import Change
from isolane.process_state.sequences import diff_items, rebase_items, same_items

LISTS = st.lists(st.sampled_from("abcde"), max_size=7)


def numbered(items: list[str]) -> list[tuple[str, int]]:
    """Tell the second "a" of a list from the first."""
    return [(item, items[:position].count(item)) for position, item in enumerate(items)]


class Contrary:
    """An item whose comparison cannot be trusted."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = None  # type: ignore[assignment]


def test_items_are_the_same_by_identity() -> None:
    first, second = Contrary(), Contrary()
    assert same_items([first, second], (first, second))
    assert not same_items([first, second], [second, first])
    assert not same_items([first], [first, second])


def test_items_that_cannot_be_compared_are_told_and_merged() -> None:
    old, new = Contrary(), Contrary()
    assert diff_items("kind", [old], [new], lambda item: "old" if item is old else "new") == [
        Change("kind", "old", 0, None),
        Change("kind", "new", None, 0),
    ]
    merged = rebase_items([old, "x"], [old], [old, new])
    assert same_items(merged, [old, new, "x"])


def test_a_new_order_is_one_change() -> None:
    assert diff_items("kind", "ab", "ba", str) == [Change("kind", "order", ("a", "b"), ("b", "a"))]
    assert diff_items("kind", "ab", "ab", str) == []


@given(LISTS, LISTS)
def test_an_edit_of_the_very_list_is_taken_over_whole(before: list[str], after: list[str]) -> None:
    assert list(rebase_items(before, before, after)) == after


@given(LISTS, LISTS)
def test_no_edit_changes_nothing(pending: list[str], before: list[str]) -> None:
    assert list(rebase_items(pending, before, before)) == pending


@given(LISTS, LISTS, LISTS)
def test_removed_items_are_gone_added_ones_there_and_the_others_keep_their_order(
    pending: list[str], before: list[str], after: list[str]
) -> None:
    merged = list(rebase_items(pending, before, after))
    before_items, after_items = set(numbered(before)), set(numbered(after))
    removed, added = before_items - after_items, after_items - before_items
    if same_items(pending, before):
        return
    kept = [item for item in numbered(pending) if item not in removed]
    assert Counter(merged) == Counter(name for name, _ in {*kept, *added})
    remaining = iter(merged)
    assert all(name in remaining for name, _ in kept)


def test_additions_keep_their_neighbours() -> None:
    assert rebase_items(["lib"], ["test", "lib"], ["first", "test", "lib", "last"]) == ("first", "lib", "last")
    assert rebase_items(["a", "b"], ["x", "a", "b"], ["x", "a", "new", "b"]) == ("a", "new", "b")
    assert rebase_items([], ["x"], ["x", "new"]) == ("new",)
    assert rebase_items(["y"], ["x"], ["x", "new", "last"]) == ("y", "new", "last")
