"""The manifest of real order-dependent tests, and what counts as a right answer."""

from __future__ import annotations

from typing import Any

import pytest
from real_polluters import Target, is_right, read_targets, states, table
from test_downstream_manifest import PIN

TARGETS = read_targets()


def test_at_least_ten_projects_brittle_tests_and_pairs_among_them() -> None:
    assert len({target.suite.name for target in TARGETS}) >= 10
    assert {target.sort for target in TARGETS} == {"victim", "brittle"}
    assert {len(one) for target in TARGETS for one in target.after} == {1, 2}


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.suite.name)
def test_every_requirement_is_an_exact_pin(target: Target) -> None:
    assert [line for line in target.suite.requirements if not PIN.fullmatch(line)] == []
    assert len(target.suite.sha256) == 64
    assert target.after


def finding(sort: str, *needed: str) -> dict[str, Any]:
    return {"sort": sort, "needed": list(needed), "carriers": [{"kind": "env", "name": "TZ"}] * 2}


def test_any_of_the_known_sets_is_right_and_nothing_else() -> None:
    target = Target(
        TARGETS[0].suite, "t.py::test_c", "victim", (("t.py::test_a", "t.py::test_b"), ("t.py::test_d",)), ""
    )
    assert is_right(target, finding("victim", "t.py::test_b", "t.py::test_a"))
    assert is_right(target, finding("victim", "t.py::test_d"))
    for wrong in (None, finding("brittle", "t.py::test_d"), finding("victim", "t.py::test_a"), finding("flaky")):
        assert not is_right(target, wrong)
    assert states(finding("victim")) == ["env TZ"]


def test_a_row_has_as_many_cells_as_the_head() -> None:
    head, ends, *rows = table([("cell",) * 9]).splitlines()
    assert [line.count("|") for line in (head, ends, *rows)] == [10] * 3
    assert ends.count("---:") == 3
