"""``isolane hunt --collisions``: which tests end otherwise while another one runs, and what both of them touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isolane.model.errors import UsageError
from isolane.model.hunt import Finding, HuntResult
from isolane.planning.collisions import meetings
from isolane.usecases.hunt import HuntRequest, hunt_suite
from isolane.usecases.map import MapRequest, map_suite
from isolane.usecases.observer import Observer


def hunt_collisions(request: HuntRequest, observer: Observer) -> HuntResult:
    """Listen once to what tests touch, then run at the same time those that touch one thing, two by two.

    Raises :class:`~isolane.model.errors.UsageError` where pytest does not find a test that was asked for.
    """
    asked = MapRequest(request.project, request.python, request.arguments, request.stall_seconds)
    found = map_suite(asked, observer)
    tests = [one.test for one in found.tests]
    unknown = [one for one in request.tests if not any(test.endswith(one) for test in tests)]
    if unknown:
        raise UsageError(
            "unknown-test",
            f"pytest finds no test {', '.join(unknown)} in {request.project.resolve()}.",
            "Name it as pytest does: pytest --collect-only -q lists them.",
        )
    wanted = {test for test in tests if any(test.endswith(one) for one in request.tests)}
    chosen, of = meetings(found.tests, found.conflicts, wanted)
    result = HuntResult([], tests=found.count)
    if chosen:
        result = hunt_suite(replace(request, tests=()), observer, tuple(chosen))
    return replace(result, findings=_one_a_test(result.findings), meetings=(len(chosen), of))


def _one_a_test(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding for each test: the first, with the tests of the others beside which it ends otherwise, too."""
    by_test: dict[str, list[Finding]] = {}
    for one in findings:
        by_test.setdefault(one.test, []).append(one)
    return [replace(some[0], others=tuple(one.needed for one in some[1:])) for some in by_test.values()]
