"""In which order units go out, and from whom they are taken back."""

from __future__ import annotations

import pytest

from isolane.planning.dispatch import dispatch_order, even_share, may_wait_ahead, richest
from isolane.planning.units import Unit


def keys(units: list[Unit]) -> str:
    return "".join(unit.key for unit in units)


@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "loadgroup"])
def test_what_takes_longest_goes_first(dist: str) -> None:
    units = [Unit("a", (0, 1, 2), 0.3), Unit("b", (3,), 9.0), Unit("c", (4, 5), 2.0)]

    assert keys(dispatch_order(units, dist, 2)) == "bca"


def test_where_nothing_is_known_the_unit_with_most_tests_goes_first_and_equals_keep_their_order() -> None:
    units = [Unit("a", (0,)), Unit("b", (1, 2)), Unit("c", (3,)), Unit("d", (4, 5, 6))]

    assert keys(dispatch_order(units, "loadscope", 2)) == "dbac"


def test_of_chunks_only_those_are_moved_that_would_end_after_all_that_come_behind_them() -> None:
    units = [Unit(f"short {number}", (number,), 0.1) for number in range(100)]
    units.insert(10, Unit("long, with enough behind it", (100,), 4.0))
    units.insert(91, Unit("longer than what is left", (101,), 3.0))
    units.insert(95, Unit("longest of these", (102,), 5.0))

    ordered = dispatch_order(units, "load", 2)

    assert [unit.key for unit in ordered[:2]] == ["longest of these", "longer than what is left"]
    assert ordered[2:] == [unit for unit in units if unit not in ordered[:2]]


def test_chunks_of_which_nothing_is_known_keep_their_order() -> None:
    units = [Unit("a", (0,)), Unit("b", (1, 2))]

    assert dispatch_order(units, "load", 2) == units


def test_a_chunk_that_ends_hardly_later_stays_where_it_is() -> None:
    units = [*(Unit(f"a{number}", (number,), 1.0) for number in range(400)), Unit("z", (400,), 2.0)]

    assert dispatch_order(units, "load", 2) == units
    assert dispatch_order(units, "load", 8)[0].key == "z"


@pytest.mark.parametrize("dist", ["load", "loadscope"])
def test_an_order_that_a_person_asked_for_is_kept(dist: str) -> None:
    units = [Unit("a", (0,), 1.0), Unit("b", (1,), 9.0)]

    assert dispatch_order(units, dist, 2, keep=True) == units


def test_work_is_taken_from_the_worker_that_has_most_of_it_waiting() -> None:
    waiting = {"gw0": Unit("a", (0,), 1.0), "gw1": Unit("b", (1,), 3.0), "gw2": Unit("c", (2, 3), 1.0)}

    assert richest(waiting) == ["gw1", "gw2", "gw0"]
    assert richest({}) == []


@pytest.mark.parametrize(
    ("waiting", "running", "may"),
    [(3.0, 5.0, False), (0.1, 5.0, True), (5.0, 0.1, True), (None, 5.0, True), (3.0, None, True)],
)
def test_nothing_long_waits_behind_something_long(waiting: float | None, running: float | None, may: bool) -> None:
    assert may_wait_ahead(Unit("a", (0,), waiting), Unit("b", (1,), running), share=20.0) is may


def test_what_takes_no_longer_than_asking_for_it_may_always_wait() -> None:
    assert may_wait_ahead(Unit("a", (0,), 0.005), Unit("b", (1,), 0.005), share=0.01)


def test_the_even_share_is_what_is_known_over_the_workers() -> None:
    assert even_share([Unit("a", (0,), 3.0), Unit("b", (1,), 5.0), Unit("c", (2,))], 4) == 2.0
