"""What carries it from the tests that are needed to the one that ends otherwise, and who cleans up in between.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from isolane.model.explanation import Explained
from isolane.model.hunt import SET_UP, Answer, Finding, Probe, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import Category
from isolane.model.state import Change, Leak, Level
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
    probe = Probe((*finding.needed, finding.test), widely=widely)
    (looked,) = yield Batch([replace(probe, looks=True)])
    left = [
        one
        for one in (looked.found if looked else ())
        # What the test itself leaves comes after it.
        if one.leak.change.level is not Level.HARMLESS and not one.at_import and one.leak.owner != finding.test
    ]
    shared = [one for one in (looked.found if looked else ()) if one.leak.change.kind == SET_UP]
    return (yield from _put_back(finding, probe, left, known, shared))


def import_carriers(finding: Finding, files: tuple[str, ...], preloaded: tuple[str, ...]) -> Search[Finding]:
    """Find the state by which files that are imported reach a test: put back a kind at a time after each import.

    files: all that are collected. preloaded: what the test's own file imports. Where that is there already, it is seen
    what others do to it; without, a class that is patched by who imports it first has never been otherwise.
    """
    seen = finding
    modules: tuple[str, ...] = ()
    for loaded, widely in ((preloaded, False), ((), False), (preloaded, True)):
        probe = Probe((finding.test,), files=files, preloaded=loaded, widely=widely)
        (looked,) = yield Batch([replace(probe, looks=True)])
        if looked is None or not has_turned(finding.alone, looked.last):
            continue  # what is there already was imported otherwise in the suite
        modules = modules if loaded else looked.modules
        left = [one for one in looked.found if one.leak.change.level is not Level.HARMLESS]
        found = yield from _put_back(finding, probe, left)
        if found.tried:
            return found
        seen = seen if seen.carriers else found
    known = set(preloaded)
    by_modules = yield from _by_modules(finding, [one for one in modules if one not in known])
    return by_modules or seen


def _by_modules(finding: Finding, names: Sequence[str]) -> Search[Finding | None]:
    """Find the modules that it takes to have been imported, by whomever: ``xml.dom`` is there once anybody needs it.

    names: of those that are imported with the files, and not with the test's own alone.
    """
    alone = Probe((finding.test,), files=(module_of(finding.test),))

    def ask(parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        answers = yield Batch([replace(alone, preloaded=tuple(part)) for part in parts], turned)
        return [None if answer is None else turned(answer) for answer in answers]

    def turned(answer: Answer) -> bool:
        return has_turned(finding.alone, answer.last)

    if not names or not (yield from ask([names]))[0]:
        return None
    least = yield from tried(minimize(names), ask)
    changes = [Change("modules", name, None, "imported", Level.HARMLESS) for name in least]
    leaks = [Explained(Leak(f"module {finding.needed[0]}", one), at_import=True) for one in changes]
    return replace(finding, carriers=tuple(leaks), tried=True)


def _put_back(
    finding: Finding,
    probe: Probe,
    left: Sequence[Explained],
    known: Sequence[Explained] = (),
    shared: Sequence[Explained] = (),
) -> Search[Finding]:
    """Put back what is left, a kind at a time. probe: shows it. known: the same, with lines, as far as it is known.

    shared: what fixtures of wider scope hand on.
    """
    kinds = list(dict.fromkeys(one.leak.change.kind for one in left))
    if not kinds:
        return (yield from _by_shared_fixtures(finding, shared))
    answers = yield Batch([replace(probe, restored=(kind,)) for kind in kinds])
    helped = [kind for kind, answer in zip(kinds, answers, strict=True) if answer and _is_well(finding, answer)]
    if not helped and len(kinds) > 1:
        helped = yield from _smallest_together(finding, probe, kinds)
    if not helped:
        by_shared = yield from _by_shared_fixtures(finding, shared)
        if by_shared.tried:
            return by_shared
    if probe.widely and not helped:
        return finding
    if not known:
        # Looking after each line takes its time, so it looks at nothing else.
        (traced,) = yield Batch([replace(probe, traced=tuple(helped or kinds))])
        known = traced.found if traced else ()
    taken = [_with_line(one, known) for one in left if one.leak.change.kind in (helped or kinds)]
    return replace(finding, carriers=tuple(taken), tried=bool(helped))


def _by_shared_fixtures(finding: Finding, shared: Sequence[Explained]) -> Search[Finding]:
    """Try whether it helps to set up anew what fixtures of wider scope hand on: it may be nothing that can be seen."""
    if not shared:
        return finding
    (helps,) = yield from _make_well(finding, [Probe((*finding.needed, finding.test), restored=(SET_UP,))])
    return replace(finding, carriers=tuple(shared), tried=True) if helps else finding


def _smallest_together(finding: Finding, probe: Probe, kinds: list[str]) -> Search[list[str]]:
    """Return the fewest kinds that have to be put back together; none where all of them do not help."""
    (together,) = yield Batch([replace(probe, restored=tuple(kinds))])
    if together is None or not _is_well(finding, together):
        return []

    def ask(parts: Sequence[Sequence[str]]) -> Search[list[bool | None]]:
        return (yield from _make_well(finding, [replace(probe, restored=tuple(part)) for part in parts]))

    return (yield from tried(minimize(kinds), ask))


def tried(
    trials: Trials[str], ask: Callable[[Sequence[Sequence[str]]], Search[list[bool | None]]]
) -> Search[list[str]]:
    """Try parts until the smallest is found, and return it."""
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
    found = yield from tried(minimize_tests(between), ask)
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
