"""Which tests get in each other's way, by what they touch outside their process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from isolane.model.touch import IN_THE_WAY, Conflict, TestTouches, Touch
from isolane.planning.needs import Needs, may_run_beside


def conflicts_among(tests: Sequence[TestTouches]) -> list[Conflict]:
    """Return a conflict for each thing that several tests touch, and one of them at least may change.

    Tests keep their order; conflicts come by their resource's name. A test is unmarked where its markers neither
    name the thing nor keep it from all that it must not meet.

    >>> from isolane.model.touch import Sort
    >>> port = frozenset({Touch(Sort.PORT, "8080")})
    >>> conflicts_among([TestTouches("a", port), TestTouches("b", port)])[0].exclusive
    ('a', 'b')
    """
    writers: dict[str, list[TestTouches]] = {}
    readers: dict[str, list[TestTouches]] = {}
    for one in tests:
        for resource, writes in _resources(one.touches).items():
            (writers if writes else readers).setdefault(resource, []).append(one)
    found = []
    for resource, writing in sorted(writers.items()):
        reading = readers.get(resource, [])
        if len(writing) + len(reading) > 1:
            found.append(
                Conflict(
                    resource,
                    tuple(one.test for one in writing),
                    tuple(one.test for one in reading),
                    tuple(_unmarked(resource, writing, reading)),
                )
            )
    return found


def may_meet(one: TestTouches, other: TestTouches) -> bool:
    """Return whether their markers let two tests run at the same time."""
    return may_run_beside(_needs(one), [_needs(other)])


def _resources(touches: Iterable[Touch]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for one in touches:
        if one.sort in IN_THE_WAY:
            found[one.resource] = one.writes or found.get(one.resource, False)
    return found


def _unmarked(resource: str, writing: list[TestTouches], reading: list[TestTouches]) -> Iterable[str]:
    """Yield the tests that may run beside one that they must not meet, and whose own markers do not name it."""
    numbers = Counter(map(_needs, writing))
    readers = set(map(_needs, reading))
    for one in writing:
        needs = _needs(one)
        others = [other for other in numbers if other != needs or numbers[other] > 1]
        if (resource, True) not in one.resources and _may_meet(needs, (*others, *readers)):
            yield one.test
    for one in reading:
        named = {(resource, True), (resource, False)} & one.resources
        if not named and _may_meet(_needs(one), numbers):
            yield one.test


def _may_meet(needs: Needs, others: Iterable[Needs]) -> bool:
    return any(may_run_beside(needs, [other]) for other in others)


def _needs(one: TestTouches) -> Needs:
    return Needs(one.resources, one.alone)
