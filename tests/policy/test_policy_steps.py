"""filter, rate, compare and threshold, and when a branch is tried again."""

from __future__ import annotations

from typing import Any

import pytest

from isolane.model.errors import RuleError
from isolane.policy.retry import Retry
from isolane.policy.steps import apply_step, look_up

TESTS = [
    {"id": "a", "file": "pay/test_a.py", "failed": True, "seconds": 1.0, "runs": 3},
    {"id": "b", "file": "pay/test_b.py", "failed": False, "seconds": 2.0, "runs": 60},
    {"id": "c", "file": "test_c.py", "failed": True, "seconds": 3.0},
]
STATE: dict[str, Any] = {"tests": TESTS, "settings": {"most": 0.5}, "run": {"seconds": 12.345}, "share": 0.25}


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({}, "abc"),
        ({"failed": True}, "ac"),
        ({"file": "pay/*"}, "ab"),
        ({"file": "pay/*", "failed": True}, "a"),
        ({"id": ["a", "c"]}, "ac"),
        ({"seconds": {"over": 1, "at_most": 2}}, "b"),
        ({"seconds": {"over": "settings.most"}}, "abc"),
        ({"runs": {"under": 50}}, "a"),
        ({"nothing": None}, "abc"),
    ],
)
def test_filter(where: dict[str, Any], ids: str) -> None:
    found = apply_step("filter", {"from": "tests", "where": where, "into": "found"}, STATE)["found"]
    assert "".join(one["id"] for one in found) == ids


@pytest.mark.parametrize(
    ("of", "whole", "rate"),
    [("tests", "tests", 1.0), ("few", "tests", 1 / 3), ("few", "none", 0.0), ("one", "tests", 1 / 3)],
)
def test_rate(of: str, whole: str, rate: float) -> None:
    state = STATE | {"few": TESTS[:1], "none": [], "one": 1}
    assert apply_step("rate", {"of": of, "in": whole}, state)["rate"] == pytest.approx(rate)


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [
        ({"over": 0.2}, True),
        ({"over": 0.25}, False),
        ({"at_least": 0.25}, True),
        ({"under": "settings.most"}, True),
        ({"over": 0.2, "under": 0.22}, False),
        ({"at_most": 0.25}, True),
    ],
)
def test_compare(comparison: dict[str, Any], holds: bool) -> None:
    assert apply_step("compare", {"value": "share", **comparison}, STATE) == {"holds": holds}


def test_a_list_stands_for_its_length() -> None:
    assert apply_step("compare", {"value": "tests", "over": 2, "into": "many"}, STATE) == {"many": True}
    assert apply_step("threshold", {"value": "tests", "warn": {"over": 2}}, STATE)["numbers"] == {
        "tests": 3,
        "limit": 2,
    }


LEVELS = {"warn": {"over": 0.1}, "fail": {"over": 0.2}, "roll back": {"over": 0.5}}


@pytest.mark.parametrize(
    ("value", "verdict", "limit"),
    [(0.1, "pass", None), (0.15, "warn", 0.1), (0.3, "fail", 0.2), (0.6, "roll back", 0.5)],
)
def test_a_threshold_has_the_gravest_level_that_is_reached(value: float, verdict: str, limit: float | None) -> None:
    found = apply_step("threshold", {"value": "v", **LEVELS}, {"v": value})
    assert found["verdict"] == verdict
    assert found["numbers"] == {"v": value} | ({} if limit is None else {"limit": limit})
    assert found["reason"] == ("" if limit is None else f"v is {value} (limit {limit})")


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("{value:%} over {limit:%}", "25.0% over 10.0%"),
        ("{tests} tests, {run.seconds} s", "3 tests, 12.35 s"),
        ("{nothing} {value.__class__} {0} {}", "None None None {}"),
    ],
)
def test_a_reason_has_fields_and_no_more(reason: str, said: str) -> None:
    found = apply_step("threshold", {"value": "share", "warn": {"over": 0.1}, "reason": reason}, STATE)
    assert found["reason"] == said


def test_what_is_not_known_fails_unless_it_may() -> None:
    spec = {"value": "gate.share", "fail": {"over": 1}}
    with pytest.raises(RuleError, match=r"gate\.share is not known, and should be a number"):
        apply_step("threshold", spec, {"gate": None})
    found = apply_step("threshold", spec | {"missing": "warn"}, {"gate": None})
    assert (found["verdict"], found["reason"]) == ("warn", "gate.share is not known")


@pytest.mark.parametrize(
    ("kind", "spec", "what"),
    [
        ("filter", {"from": "run", "where": {}}, "run is of the kind dict, and should be a list"),
        ("rate", {"of": "x", "in": "tests"}, "x is not known, and should be a number"),
        ("compare", {"value": "run", "over": 1}, "run is of the kind dict, and should be a number"),
        ("compare", {"value": "share", "over": "tests"}, "tests is of the kind list"),
        ("compare", {"value": "flag", "over": 1}, "flag is of the kind bool"),
    ],
)
def test_a_value_of_another_kind_is_an_error(kind: str, spec: dict[str, Any], what: str) -> None:
    with pytest.raises(RuleError, match=what):
        apply_step(kind, spec, STATE | {"flag": True})


@pytest.mark.parametrize(("path", "found"), [("run.seconds", 12.345), ("run.x.y", None), ("share.x", None), ("", None)])
def test_look_up(path: str, found: object) -> None:
    assert look_up(STATE, path) == found


def test_pauses_grow_up_to_the_cap() -> None:
    assert [Retry(9, 1.0, 3.0, 10.0).pause(attempt) for attempt in (1, 2, 3, 4)] == [1.0, 3.0, 9.0, 10.0]
    assert Retry(10**6, 1.0, 3.0, 10.0).pause(10**6) == 10.0
