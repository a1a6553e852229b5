"""In which order units go out, and from whom they are taken back."""

from __future__ import annotations

import pytest

from isolane.planning.dispatch import dispatch_order, richest
from isolane.planning.units import Unit


def keys(units: list[Unit]) -> str:
    return "".join(unit.key for unit in units)


@pytest.mark.parametrize("dist", ["loadscope", "loadfile", "loadgroup"])
def test_what_takes_longest_goes_first(dist: str) -> None:
    units = [Unit("a", (0, 1, 2), 0.3), Unit("b", (3,), 9.0), Unit("c", (4, 5), 2.0)]

    assert keys(dispatch_order(units, dist)) == "bca"


def test_where_nothing_is_known_the_unit_with_most_tests_goes_first_and_equals_keep_their_order() -> None:
    units = [Unit("a", (0,)), Unit("b", (1, 2)), Unit("c", (3,)), Unit("d", (4, 5, 6))]

    assert keys(dispatch_order(units, "loadscope")) == "dbac"


def test_of_chunks_only_the_long_ones_are_moved() -> None:
    units = [Unit("a", (0,), 1.0), Unit("b", (1,), 1.5), Unit("c", (2,), 9.0), Unit("d", (3,), 1.0)]

    assert keys(dispatch_order(units, "load")) == "cabd"
    assert keys(dispatch_order([Unit("a", (0,)), Unit("b", (1, 2))], "load")) == "ab"


def test_a_single_test_is_long_sooner_than_a_chunk_of_neighbours() -> None:
    units = [Unit("a", (0, 1), 1.0), Unit("b", (2, 3), 3.0), Unit("c", (4,), 3.0), Unit("d", (5,), 1.0)]

    assert keys(dispatch_order(units, "load")) == "cabd"


@pytest.mark.parametrize("dist", ["load", "loadscope"])
def test_an_order_that_a_person_asked_for_is_kept(dist: str) -> None:
    units = [Unit("a", (0,), 1.0), Unit("b", (1,), 9.0)]

    assert dispatch_order(units, dist, keep=True) == units


def test_work_is_taken_from_the_worker_that_has_most_of_it_waiting() -> None:
    waiting = {"gw0": Unit("a", (0,), 1.0), "gw1": Unit("b", (1,), 3.0), "gw2": Unit("c", (2, 3), 1.0)}

    assert richest(waiting) == ["gw1", "gw2", "gw0"]
    assert richest({}) == []
