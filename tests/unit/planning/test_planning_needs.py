"""What markers ask for, and what may run beside what."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from isolane.model.errors import UsageError
from isolane.planning.needs import NOTHING, Needs, may_run_beside, needs_of, needs_together


class Mark(NamedTuple):
    """As pytest's, which refuses names that no plugin has registered."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}  # noqa: RUF012  # nobody writes to it


def resource(*names: Any, **more: Any) -> Mark:
    return Mark("isolane_resource", names, more)


ALONE = Mark("isolane_alone")
READER = Needs(frozenset({("db:main", False)}))
WRITER = Needs(frozenset({("db:main", True)}))


@pytest.mark.parametrize(
    ("markers", "expected"),
    [
        ([], Needs(frozenset(), False, 1)),
        ([Mark("slow"), Mark("skipif", (True,), {"reason": ""})], NOTHING),
        ([resource("port:8080")], Needs(frozenset({("port:8080", True)}))),
        ([resource("port:8080", "db", mode="shared")], Needs(frozenset({("port:8080", False), ("db", False)}))),
        ([resource(cpus=2)], Needs(cpus=2)),
        ([ALONE], Needs(alone=True)),
        ([ALONE, resource("a", cpus=3)], Needs(frozenset({("a", True)}), True, 3)),
    ],
)
def test_markers_are_read(markers: list[Mark], expected: Needs) -> None:
    assert needs_of(markers) == expected


@pytest.mark.parametrize("step", [1, -1])
def test_the_stricter_of_two_markers_holds_in_either_order(step: int) -> None:
    on_test_and_class = [resource("db", mode="shared", cpus=4), resource("db", "port", cpus=2)][::step]

    assert needs_of(on_test_and_class) == Needs(frozenset({("db", True), ("port", True)}), cpus=4)


@pytest.mark.parametrize(
    ("marker", "fault"),
    [
        (
            resource("db", mode="read"),
            "isolane_resource('db', mode='read'): mode is 'exclusive' or 'shared', not 'read'",
        ),
        (resource("db", mode=["shared"]), "mode is 'exclusive' or 'shared', not ['shared']"),
        (resource("db", cpus=0), "isolane_resource('db', cpus=0): cpus is a whole number from 1, not 0"),
        (resource(cpus=-1), "not -1"),
        (resource(cpus=1.5), "not 1.5"),
        (resource(cpus=True), "not True"),
        (resource(cpus="2"), "not '2'"),
        (resource(8080), "isolane_resource(8080): the name of a resource is a string, not 8080"),
        (resource("db", None), "not None"),
        (resource(["db"]), "not ['db']"),
        (resource(" "), "is not empty"),
        (resource(), "isolane_resource(): it names no resource"),
        (resource(mode="shared"), "it names no resource"),
        (resource("db", modus="shared"), "it has no argument modus"),
        (Mark("isolane_alone", (True,)), "isolane_alone(True): it takes no arguments"),
        (Mark("isolane_alone", (), {"cpus": 2}), "isolane_alone(cpus=2): it takes no arguments"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_the_markers_name(marker: Mark, fault: str) -> None:
    with pytest.raises(UsageError) as caught:
        needs_of([resource("fine"), marker])

    assert caught.value.slug == "bad-marker"
    assert fault in str(caught.value)
    assert str(caught.value).startswith(marker.name)


@pytest.mark.parametrize(
    ("needs", "running", "expected"),
    [
        (WRITER, [], True),
        (Needs(alone=True), [], True),
        (NOTHING, [NOTHING, WRITER], True),
        (READER, [READER, READER], True),
        (READER, [NOTHING, WRITER], False),
        (WRITER, [READER], False),
        (WRITER, [WRITER], False),
        (WRITER, [Needs(frozenset({("db:other", True)}))], True),
        (Needs(alone=True), [NOTHING], False),
        (NOTHING, [NOTHING, Needs(alone=True)], False),
        (Needs(frozenset({("db:main", False), ("db:main", True)})), [READER], False),
    ],
)
def test_what_may_run_beside_what(needs: Needs, running: list[Needs], expected: bool) -> None:
    assert may_run_beside(needs, running) is expected
    assert may_run_beside(needs, iter(running)) is expected


@pytest.mark.parametrize(
    ("cpus", "running", "expected"),
    [(1, [1, 1], True), (2, [1], True), (2, [1, 1], False), (1, [3], False), (9, [], True)],
)
def test_weights_count_as_workers(cpus: int, running: list[int], expected: bool) -> None:
    assert may_run_beside(Needs(cpus=cpus), [Needs(cpus=one) for one in running], workers=3) is expected


def test_without_the_number_of_workers_weights_do_not_matter() -> None:
    assert may_run_beside(Needs(cpus=9), [Needs(cpus=9)])


def test_a_unit_needs_what_its_tests_need() -> None:
    assert needs_together([]) == NOTHING
    assert needs_together([READER, Needs(alone=True), Needs(cpus=2), WRITER]) == Needs(WRITER.resources, True, 2)
