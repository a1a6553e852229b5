"""Which tests must not run at the same time, by what they touch."""

from __future__ import annotations

import pytest

from isolane.model.touch import Conflict, Sort, TestTouches, Touch
from isolane.planning.conflicts import conflicts_among

PORT = Touch(Sort.PORT, "8080")
WRITES, READS = Touch(Sort.FILE, "out.txt"), Touch(Sort.FILE, "out.txt", writes=False)
MARKED = frozenset({("port:8080", True)})


def of(name: str, *touches: Touch, resources: frozenset[tuple[str, bool]] = frozenset(), alone=False) -> TestTouches:
    return TestTouches(name, frozenset(touches), resources, alone)


def test_each_pair_that_binds_one_port() -> None:
    (found,) = conflicts_among([of("a", PORT), of("b", PORT), of("c"), of("d", PORT)])

    assert found == Conflict("port:8080", ("a", "b", "d"), (), ("a", "b", "d"))
    assert list(found.pairs()) == [("a", "b"), ("a", "d"), ("b", "d")]


def test_readers_are_in_the_way_of_writers_only() -> None:
    (found,) = conflicts_among([of("reads", READS), of("writes", WRITES), of("reads too", READS)])

    assert (found.exclusive, found.shared) == (("writes",), ("reads", "reads too"))
    assert list(found.pairs()) == [("writes", "reads"), ("writes", "reads too")]
    assert conflicts_among([of("reads", READS), of("reads too", READS)]) == []


def test_who_reads_and_writes_is_one_test() -> None:
    assert conflicts_among([of("both", READS, WRITES)]) == []
    (found,) = conflicts_among([of("both", READS, WRITES), of("reads", READS)])
    assert (found.exclusive, found.shared) == (("both",), ("reads",))


@pytest.mark.parametrize("sort", [Sort.PROGRAM, Sort.CONNECTION, Sort.VARIABLE])
def test_what_every_process_may_have_is_no_conflict(sort: Sort) -> None:
    assert conflicts_among([of("a", Touch(sort, "x")), of("b", Touch(sort, "x"))]) == []


def test_another_file_or_port_is_another_thing() -> None:
    assert (
        conflicts_among([of("a", PORT, WRITES), of("b", Touch(Sort.PORT, "81"), Touch(Sort.DATABASE, "out.txt"))]) == []
    )


@pytest.mark.parametrize(
    ("tests", "unmarked"),
    [
        ([of("a", PORT, resources=MARKED), of("b", PORT, resources=MARKED)], ()),
        ([of("a", PORT, resources=MARKED), of("b", PORT)], ("b",)),
        ([of("a", PORT, alone=True), of("b", PORT)], ()),
        ([of("a", PORT, resources=frozenset({("port:8080", False)})), of("b", PORT, resources=MARKED)], ()),
        (
            [
                of("a", PORT, resources=frozenset({("mine", True)})),
                of("b", PORT, resources=frozenset({("mine", True)})),
            ],
            (),
        ),
        ([of("a", PORT, resources=frozenset({("mine", False)})), of("b", PORT)], ("a", "b")),
    ],
)
def test_markers_that_keep_them_apart_already(tests: list[TestTouches], unmarked: tuple[str, ...]) -> None:
    (found,) = conflicts_among(tests)

    assert found.unmarked == unmarked
