"""What carries it from the tests that are needed to the one that ends otherwise, and who cleans up in between.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from isolane.model.explanation import Explained
from isolane.model.hunt import SET_UP, Answer, Finding, Probe, Sort
from isolane.model.outcome import Category
from isolane.model.state import Level
from isolane.planning.minimize import Trials, minimize, minimize_tests
from isolane.planning.search import Batch, Search, has_turned


def carriers(finding: Finding, settled: Iterable[Finding] = ()) -> Search[Finding]:
    """Find the state by which the needed tests reach the other: put back a kind at a time, and see whether that helps.

    What they leave is seen in any case; :attr:`Finding.tried` says that putting it back was tried, and helped. settled:
    what is known of other tests: what carries it to them is tried first.
    """
    of_same = [one for one in settled if one.needed == finding.needed and one.sort is finding.sort]
    for other in of_same:
        if other.tried and (yield from _is_carried_as(finding, other)):
            return replace(finding, carriers=other.carriers, tried=True)
    known = [carrier for one in of_same for carrier in one.carriers]
    found = yield from _carriers(finding, known)
    if found.tried or of_same:
        return found
    # It may be in what a library keeps. There is much of that, so it is looked at only where nothing else is left.
    widely = yield from _carriers(finding, widely=True)
    return widely if widely.tried else found


def _is_carried_as(finding: Finding, other: Finding) -> Search[bool]:
    """Try what carries it to another test after the same ones."""
    kinds = tuple(dict.fromkeys(one.leak.change.kind for one in other.carriers))
    tests = (*finding.needed, finding.test)
    probes = [Probe(tests, restored=kinds, widely=widely) for widely in (False, True)]
    return True in (yield from _make_well(finding, probes))


def _carriers(finding: Finding, known: Sequence[Explained] = (), *, widely: bool = False) -> Search[Finding]:
    """Find what carries it. known: what is known of the same tests already, lines and all."""
    tests = (*finding.needed, finding.test)
    (looked,) = yield Batch([Probe(tests, looks=True, widely=widely)])
    left = tuple(
        one
        for one in (looked.found if looked else ())
        # What the test itself leaves comes after it.
        if one.leak.change.level is not Level.HARMLESS and not one.at_import and one.leak.owner != finding.test
    )
    shared = tuple(one for one in (looked.found if looked else ()) if one.leak.change.kind == SET_UP)
    kinds = list(dict.fromkeys(one.leak.change.kind for one in left))
    if not kinds:
        return (yield from _by_shared_fixtures(finding, shared))
    answers = yield Batch([Probe(tests, restored=(kind,), widely=widely) for kind in kinds])
    helped = [kind for kind, answer in zip(kinds, answers, strict=True) if answer and _is_well(finding, answer)]
    if not helped and len(kinds) > 1:
        helped = yield from _smallest_together(finding, tests, kinds, widely=widely)
    if not helped:
        by_shared = yield from _by_shared_fixtures(finding, shared)
        if by_shared.tried:
            return by_shared
    if widely and not helped:
        return finding
    if not known:
        # Looking after each line takes its time, so it looks at nothing else.
        (traced,) = yield Batch([Probe(tests, traced=tuple(helped or kinds), widely=widely)])
        known = traced.found if traced else ()
    taken = [_with_line(one, known) for one in left if one.leak.change.kind in (helped or kinds)]
    return replace(finding, carriers=tuple(taken), tried=bool(helped))


def _by_shared_fixtures(finding: Finding, shared: tuple[Explained, ...]) -> Search[Finding]:
    """Try whether it helps to set up anew what fixtures of wider scope hand on: it may be nothing that can be seen."""
    if not shared:
        return finding
    (helps,) = yield from _make_well(finding, [Probe((*finding.needed, finding.test), restored=(SET_UP,))])
    return replace(finding, carriers=shared, tried=True) if helps else finding


def _smallest_together(
    finding: Finding, tests: tuple[str, ...], kinds: list[str], *, widely: bool
) -> Search[list[str]]:
    """Return the fewest kinds that have to be put back together; none where all of them do not help."""
    (together,) = yield Batch([Probe(tests, restored=tuple(kinds), widely=widely)])
    if together is None or not _is_well(finding, together):
        return []

    def ask(parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        return (yield from _make_well(finding, [Probe(tests, restored=tuple(part), widely=widely) for part in parts]))

    return (yield from _tried(minimize(kinds), ask))


def _tried(
    trials: Trials[str], ask: Callable[[Sequence[Sequence[str]]], Search[list[bool | None]]]
) -> Search[list[str]]:
    """Try parts until the smallest is found."""
    try:
        wanted = next(trials)
        while True:
            wanted = trials.send((yield from ask(wanted)))
    except StopIteration as end:
        return list(end.value)


def _make_well(finding: Finding, probes: Sequence[Probe]) -> Search[list[bool | None]]:
    """Return of each probe whether the test ends as alone; None behind the first that does."""
    answers = yield Batch(probes, lambda answer: _is_well(finding, answer))
    return [None if answer is None else _is_well(finding, answer) for answer in answers]


def cleaner(finding: Finding, tests: Sequence[str]) -> Search[Finding]:
    """Find a test that makes a victim well again, among those between its polluters and it in the suite's own order.

    Such a one is why the victim is well there; one that stands elsewhere would explain nothing.
    """
    places = {test: place for place, test in enumerate(tests)}
    last = max((places[one] for one in finding.needed), default=len(tests))
    between = list(tests[last + 1 : places[finding.test]])
    if finding.sort is not Sort.VICTIM or not between:
        return finding

    def ask(parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        return (yield from _make_well(finding, [Probe((*finding.needed, *part, finding.test)) for part in parts]))

    if not (yield from ask([between]))[0]:
        return finding
    found = yield from _tried(minimize_tests(between), ask)
    return replace(finding, cleaner=found[0]) if len(found) == 1 else finding


def _is_well(finding: Finding, answer: Answer) -> bool:
    """Return whether it has ended as it does alone."""
    return answer.last.category is not Category.MISSING and not has_turned(finding.alone, answer.last)


def _with_line(one: Explained, traced: Iterable[Explained]) -> Explained:
    """Return it with the line that was seen to write at that place: a fixture's is written in some test's time."""
    place = one.leak.change.place
    there = [other for other in traced if other.leak.change.place == place]
    there.sort(key=lambda other: other.leak.owner != one.leak.owner)
    return replace(one, blame=next((other.blame for other in there), None))
