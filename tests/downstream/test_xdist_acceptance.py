"""What docs/xdist-compatibility.md says of pytest-xdist's own tests is what becomes of them under the fork engine."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import pytest
from downstream_preparation import cache_folder, prepare
from xdist_acceptance import (
    CHANGED,
    FAILS,
    NOT_APPLICABLE,
    OVER_XDIST,
    PASSES,
    SUITE,
    Acceptance,
    Row,
    change_test,
    read_page,
    row_of,
)

TEST_FILE = """
class TestA:
    def test_a(self):
        assert ran().ret == 1

def test_a():
    assert ran().ret == 1
"""


@pytest.mark.downstream
@pytest.mark.slow
@pytest.mark.timeout(SUITE.seconds)
def test_each_of_xdists_own_tests_does_what_the_page_says(tmp_path: Path) -> None:
    cache = cache_folder()
    rows = read_page()
    acceptance = Acceptance(prepare(SUITE, cache), tmp_path, cache / "overlays")
    acceptance.copy_tests(rows)
    said = {node_id: row_of(node_id, rows) for node_id in acceptance.collect()}

    assert len(said) == SUITE.tests
    assert [node_id for node_id, row in said.items() if row is None] == [], "the page does not mention these"
    assert [row.test for row in rows if row not in said.values()] == [], "the page mentions these, and they are not"

    verdicts = {node_id: row.verdict for node_id, row in said.items() if row is not None}
    forked = [one for one, verdict in verdicts.items() if verdict not in (OVER_XDIST, NOT_APPLICABLE)]
    over_xdist = [one for one, verdict in verdicts.items() if verdict == OVER_XDIST]
    noted = {**acceptance.run("fork", forked), **acceptance.run("auto", over_xdist)}

    wrong = [
        f"{node_id} | {verdicts[node_id]} | is: {one['outcome']}, forked or not: {one['engines']}"
        for node_id, one in noted.items()
        if not agrees(verdicts[node_id], one["outcome"], one["engines"])
    ]
    assert wrong == []
    assert noted.keys() == {*forked, *over_xdist}


def agrees(verdict: str, outcome: str, engines: Container[str]) -> bool:
    """Return whether a test ended as a verdict says, and the runs inside it were of the engines that it implies."""
    if outcome != ("failed" if verdict == FAILS else "passed"):
        return False
    forked, over_xdist = "fork" in engines, "xdist" in engines
    if verdict in (PASSES, CHANGED):
        return forked and not over_xdist
    return (forked, over_xdist) == (False, verdict == OVER_XDIST) or verdict == FAILS


def test_the_row_that_says_most_counts() -> None:
    rows = [Row(name, PASSES, "") for name in ("a_test.py", "a_test.py::test_a", "a_test.py::test_a[1]")]

    assert row_of("a_test.py::test_a[1]", rows) == rows[2]
    assert row_of("a_test.py::test_a[2]", rows) == rows[1]
    assert row_of("a_test.py::test_ab", rows) == rows[0]
    assert row_of("b_test.py::test_a", rows) is None


def test_a_change_is_made_in_its_own_test_only() -> None:
    changed = change_test(TEST_FILE, Row("a_test.py::TestA::test_a", CHANGED, "", (("ret == 1", "ret == 2"),)))

    assert [line.strip() for line in changed.splitlines() if "ret" in line] == [
        "assert ran().ret == 2",
        "assert ran().ret == 1",
    ]


def test_text_that_is_not_there_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match=r"a_test.py::test_a: 'ret == 3' is there 0 times"):
        change_test(TEST_FILE, Row("a_test.py::test_a", CHANGED, "", (("ret == 3", "ret == 2"),)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("| `a_test.py::test_a` | surely passes |", "'surely passes' is not one of"),
        ("| `a_test.py::test_a` | passes, changed | it says so |", "with 0 changes"),
        ("| `a_test.py::test_a` | passes | `` a `` → `` b `` |", "with 1 changes"),
        ("| `a_test.py::test_a` | fails |", "without a reason"),
    ],
)
def test_a_row_that_cannot_be_held_against_anything_is_refused(tmp_path: Path, row: str, message: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"| test | ends | why |\n|---|---|---|\n{row}\n", encoding="utf-8")

    with pytest.raises(ValueError, match=message):
        read_page(page)


def test_the_page_can_be_read() -> None:
    assert len(read_page()) > 50
