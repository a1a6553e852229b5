"""What --dist keeps together, and how the rest is cut."""

from __future__ import annotations

import pytest

from isolane.planning.units import MODES, Unit, make_units

SUITE = [
    "a.py::test_one",
    "a.py::TestA::test_two",
    "b.py::test_three",
    "a.py::TestA::TestInner::test_four",
    "a.py::TestA::test_five[x::y]",
    "a.py::test_six[b.py::TestA]",
]


def unit_tests(units: list[Unit]) -> list[tuple[int, ...]]:
    return [unit.tests for unit in units]


def test_loadscope_keeps_a_class_and_a_modules_functions_together() -> None:
    units = make_units(SUITE, "loadscope", 2)

    assert {unit.key: unit.tests for unit in units} == {
        "a.py": (0, 5),
        "a.py::TestA": (1, 4),
        "b.py": (2,),
        "a.py::TestA::TestInner": (3,),
    }


def test_loadfile_keeps_a_file_together_however_its_tests_are_scattered() -> None:
    assert {unit.key: unit.tests for unit in make_units(SUITE, "loadfile", 2)} == {
        "a.py": (0, 1, 3, 4, 5),
        "b.py": (2,),
    }


def test_loadgroup_keeps_a_group_together_over_files_and_cuts_the_rest() -> None:
    groups = [None, "db", "db", None, None, "net"]
    units = make_units(SUITE, "loadgroup", 2, groups=groups)

    assert {unit.key: unit.tests for unit in units if unit.key in ("db", "net")} == {"db": (1, 2), "net": (5,)}
    assert sorted(test for unit in units if unit.key not in ("db", "net") for test in unit.tests) == [0, 3, 4]


def test_loadgroup_without_any_group_is_as_load() -> None:
    assert make_units(SUITE, "loadgroup", 2) == make_units(SUITE, "load", 2)


@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_few_tests_are_handed_out_one_by_one(dist: str) -> None:
    node_ids = [f"a.py::test_{number}" for number in range(30)]

    assert unit_tests(make_units(node_ids, dist, 2)) == [(number,) for number in range(30)]


def test_many_tests_go_in_chunks_of_neighbours_that_end_with_their_file() -> None:
    node_ids = [f"{name}.py::test_{number}" for name in "ab" for number in range(500)]
    units = make_units(node_ids, "load", 2)

    assert 1 < max(len(unit.tests) for unit in units) <= 64
    assert len(units) >= 2 * 8  # enough for both workers to end at the same time
    for unit in units:
        assert unit.tests == tuple(range(unit.tests[0], unit.tests[-1] + 1))
        assert len({node_ids[test][0] for test in unit.tests}) == 1


def test_a_chunk_holds_no_more_than_was_asked_for() -> None:
    node_ids = [f"a.py::test_{number}" for number in range(1000)]

    assert max(len(unit.tests) for unit in make_units(node_ids, "load", 2, largest_chunk=3)) == 3
    seconds = [0.0001] * 1000
    assert max(len(unit.tests) for unit in make_units(node_ids, "load", 2, seconds=seconds, largest_chunk=3)) == 3


def test_where_times_are_known_chunks_are_equal_in_time_and_a_long_test_stands_alone() -> None:
    node_ids = [f"a.py::test_{number}" for number in range(200)]
    seconds = [0.01] * 200
    seconds[7] = 5.0
    units = make_units(node_ids, "load", 2, seconds=seconds)

    assert (7,) in unit_tests(units)
    share = sum(seconds) / (2 * 16)
    assert all(unit.seconds is not None and unit.seconds <= share + 1e-9 for unit in units if unit.tests != (7,))
    assert max(len(unit.tests) for unit in units) > 1


def test_the_last_quarter_goes_in_smaller_chunks_where_times_are_known() -> None:
    units = make_units([f"a.py::test_{number}" for number in range(640)], "load", 2, seconds=[0.5] * 640)
    sizes = [len(unit.tests) for unit in units]

    assert sizes[:24] == [20] * 24
    assert set(sizes[24:]) == {5}


def test_a_units_time_is_the_sum_of_its_tests_and_unknown_where_nothing_is_known() -> None:
    assert [unit.seconds for unit in make_units(["a::x", "b::y", "a::z"], "loadfile", 2, seconds=[1.0, 2.0, 4.0])] == [
        5.0,
        2.0,
    ]
    assert [unit.seconds for unit in make_units(["a::x", "b::y"], "loadfile", 2)] == [None, None]


@pytest.mark.parametrize("dist", MODES)
def test_no_tests_are_no_units(dist: str) -> None:
    assert make_units([], dist, 4) == []
