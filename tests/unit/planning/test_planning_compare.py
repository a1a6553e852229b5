"""When two outcomes are the same, and what differs between two runs."""

from __future__ import annotations

import pytest

from isolane.model.outcome import MISSING, PASSED, Category, Outcome
from isolane.planning.compare import compare, same_outcome

FAILED = Outcome(Category.FAILED, "KeyError")


@pytest.mark.parametrize("category", [Category.SKIPPED, Category.XFAILED, Category.XPASSED])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no driver", "no driver"),
        ("took 1.5 s", "took 12 s"),
        ("process 4711 is there", "process 12 is there"),
        ("<Thing object at 0x7fa01b>", "<Thing object at 0xFFe001234>"),
        ("/tmp/pytest-of-me/pytest-3/test_a0/db", "/tmp/pytest-of-me/pytest-19/test_a0/db"),
        ("/tmp/pytest-of-me/pytest-3/test_a0/db", "/tmp/pytest-of-me/pytest-3/popen-gw1/test_a0/db"),
    ],
)
def test_a_reason_may_vary_in_what_says_nothing(category: Category, one: str, other: str) -> None:
    assert same_outcome(Outcome(category, one), Outcome(category, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Outcome(Category.SKIPPED, "no driver"), Outcome(Category.SKIPPED, "no display")),
        (Outcome(Category.SKIPPED, "no driver"), Outcome(Category.SKIPPED, "")),
        (Outcome(Category.SKIPPED, "no driver"), Outcome(Category.XFAILED, "no driver")),
        (Outcome(Category.XFAILED), Outcome(Category.XPASSED)),
        (Outcome(Category.FAILED, "KeyError"), Outcome(Category.FAILED, "ValueError")),
        (Outcome(Category.FAILED, "Error1"), Outcome(Category.FAILED, "Error2")),
        (Outcome(Category.FAILED, "KeyError"), Outcome(Category.SETUP_ERROR, "KeyError")),
        (Outcome(Category.SETUP_ERROR, "KeyError"), Outcome(Category.TEARDOWN_ERROR, "KeyError")),
        (Outcome(Category.CRASHED), Outcome(Category.HUNG)),
        (PASSED, MISSING),
        (PASSED, Outcome(Category.DUPLICATED, "passed, passed")),
    ],
    ids=str,
)
def test_what_is_not_the_same(one: Outcome, other: Outcome) -> None:
    assert not same_outcome(one, other)
    assert not same_outcome(other, one)


def test_what_passes_serially_and_fails_in_parallel_is_found() -> None:
    assert compare({"a": PASSED, "b": PASSED}, {"b": PASSED, "a": FAILED}) == [("a", PASSED, FAILED)]


def test_a_test_that_is_only_in_one_run_is_missing_in_the_other() -> None:
    expected = {"a": PASSED, "b": FAILED, "c": PASSED}
    found = {"x": PASSED, "c": PASSED, "a": FAILED}

    assert compare(expected, found) == [("a", PASSED, FAILED), ("b", FAILED, MISSING), ("x", MISSING, PASSED)]


def test_a_test_that_fails_the_same_way_everywhere_does_not_differ() -> None:
    assert compare({"a": FAILED}, {"a": FAILED}) == []


def test_what_is_left_out_is_left_out_on_both_sides() -> None:
    assert compare({"a": PASSED, "b": PASSED}, {"b": FAILED, "x": PASSED}, ignore=["a", "x"]) == [("b", PASSED, FAILED)]
