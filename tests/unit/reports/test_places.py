"""Where tests, fixtures and modules are written, as whoever looks at the checkout names it."""

from __future__ import annotations

import ast

import pytest
from tests.unit.reports.run_samples import FARES, places

from isolane.reports.places import Place, line_of_definition


@pytest.mark.parametrize(
    ("node_id", "place"),
    [
        (f"{FARES}::test_fare[a::b]", Place(FARES, 4, 21)),
        (f"{FARES}::TestZone::test_name[x]", Place(FARES, 11, 34)),
        (f"{FARES}::TestZone::test_inherited", Place(FARES, 8, 15)),
        (f"{FARES}::test_made_by_a_plugin", Place(FARES, 1, 9)),
        ("tests/gone.py::test_x", Place("tests/gone.py", 1, 0)),
        ("tests/page.yaml::rule", Place("tests/page.yaml", 1, 0)),
        ("../elsewhere/test_x.py::test_y", Place("../elsewhere/test_x.py", 1, 0)),
        ("", Place(".", 1, 0)),
    ],
)
def test_a_test_is_where_it_is_defined_as_far_as_that_can_be_read(node_id: str, place: Place) -> None:
    assert places().of_test(node_id) == place


def test_files_are_named_from_the_checkout() -> None:
    assert places("/").of_test(f"{FARES}::test_fare").file == f"project/{FARES}"


@pytest.mark.parametrize(
    ("owner", "place"),
    [
        (f"{FARES}::test_flaky", Place(FARES, 15, 17)),
        (f"fixture test_name of {FARES}::TestZone", Place(FARES, 11, 34)),
        ("fixture zone of tests", Place("tests/conftest.py", 5, 11)),
        ("fixture zone of elsewhere", Place(FARES, 19, 17)),
        ("fixture of_a_plugin", Place(FARES, 19, 17)),
        ("module tests/conftest.py", Place("tests/conftest.py", 1, 13)),
        ("module /usr/lib/plugin.py", Place(FARES, 19, 17)),
    ],
)
def test_who_leaves_state_is_where_it_is_written_else_the_test_is(owner: str, place: Place) -> None:
    assert places().of_owner(owner, f"{FARES}::test_leaks") == place


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (f"/project/{FARES}:12", Place(FARES, 12, 16)),
        (f"{FARES}:12", Place(FARES, 12, 16)),
        ("/usr/lib/os.py:3", None),
        ("nowhere", None),
        ("", None),
        (f"{FARES}:x", None),
    ],
)
def test_a_line_outside_the_checkout_is_none(location: str, place: Place | None) -> None:
    assert places().of_line(location) == place


def test_of_two_definitions_the_last_counts() -> None:
    tree = ast.parse("try:\n    def test(): pass\nexcept Exception:\n    def test(): pass\n")

    assert line_of_definition(tree, ["test"]) == 4


def test_a_file_that_is_no_python_has_a_first_line() -> None:
    assert line_of_definition(None, ["test"]) == 1
