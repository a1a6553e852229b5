"""What tests touch outside their process, in words that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from isolane.model.touch import Conflict, Sort, Touch, TouchMap

_VERBS = {
    (Sort.FILE, True): "writes file",
    (Sort.FILE, False): "reads file",
    (Sort.PORT, True): "binds port",
    (Sort.DATABASE, True): "opens database",
    (Sort.DATABASE, False): "reads database",
    (Sort.CONNECTION, True): "connects to",
    (Sort.PROGRAM, True): "starts program",
    (Sort.VARIABLE, True): "sets variable",
}
_SHOWN_TESTS = 10


def map_lines(found: TouchMap, width: int = 80) -> Iterator[str]:
    """Yield the whole map: tests by what they touch, then what must not run at the same time."""
    touching = [one for one in found.tests if one.touches]
    quiet = found.count - len(touching)
    groups: dict[frozenset[Touch], list[str]] = {}
    for one in touching:
        groups.setdefault(one.touches, []).append(one.test)
    for touches, tests in groups.items():
        yield from tests[:_SHOWN_TESTS]
        if len(tests) > _SHOWN_TESTS:
            yield f"… and {len(tests) - _SHOWN_TESTS} more, each of them"
        yield from _touch_lines(touches)
    if found.at_import:
        yield "(imports, when tests are collected)"
        yield from _touch_lines(found.at_import)
    if touching or found.at_import:
        yield ""
    yield f"{quiet} of {found.count} test{'' if found.count == 1 else 's'} touch nothing outside their process."
    if found.failed:
        yield f"{found.failed} failed: what they would have touched else is not known."
    yield ""
    if not found.conflicts:
        yield "No two tests were seen to touch the same file, port or database."
    for conflict in found.conflicts:
        yield from _conflict_lines(conflict)
    yield from wrap(f"Not seen: {'; '.join(found.notes)}.", width)


def _touch_lines(touches: frozenset[Touch]) -> Iterator[str]:
    for touch in sorted(touches):
        yield f"  {_VERBS.get((touch.sort, touch.writes), touch.sort.value)} {touch.name}"


def _conflict_lines(conflict: Conflict) -> Iterator[str]:
    pairs = sum(1 for _ in conflict.pairs())
    yield f"{conflict.resource}: {pairs} pair{'' if pairs == 1 else 's'} must not run at the same time"
    for mode, tests in (("exclusive", conflict.exclusive), ("shared", conflict.shared)):
        if not tests:
            continue
        argument = "" if mode == "exclusive" else ', mode="shared"'
        name = conflict.resource.replace("\\", "\\\\").replace('"', '\\"')
        yield f'  @pytest.mark.isolane_resource("{name}"{argument})'
        for test in tests[:_SHOWN_TESTS]:
            yield f"    {test}{'' if test in conflict.unmarked else '  (marked already)'}"
        if len(tests) > _SHOWN_TESTS:
            yield f"    … and {len(tests) - _SHOWN_TESTS} more; --json lists them all"
    yield ""
