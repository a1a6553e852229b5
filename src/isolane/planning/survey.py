"""Which tests of a suite end otherwise in another order: looked for in a few orders of all of them.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from isolane.model.hunt import Answer, Probe
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.model.state import Level
from isolane.planning.compare import same_outcome
from isolane.planning.hunt import Suspect
from isolane.planning.minimize import first_halves
from isolane.planning.order import apart, shuffled
from isolane.planning.search import CONFIRMATIONS, Batch, Search, has_turned

_ENDINGS = frozenset({Category.CRASHED, Category.HUNG})
"""What ends a process: what was to run behind it did not."""
_MOST_SINGLES = 4000
"""Tests after each of which one that is named is run, where no order has shown anything."""
_MOST_RELATIVES = 100
"""Tests that are run after a polluter that is known."""
_MOST_PAIRS = 200
"""Tests that are run right after one that leaves something, where no order has shown anything."""


@dataclass(frozen=True)
class Survey:
    """What the orders have shown.

    suspects: tests that ended otherwise in some order than alone. broken: those that are bad wherever they run, with
    how. dirty: tests that left what others may see, in the suite's own order. orders: how many were run. seconds: what
    the suite's own order took. outcomes: how tests ended, alone where they ran alone, else in the suite's own order.
    leaving: those of the dirty ones that left what none before them had.
    """

    suspects: Sequence[Suspect]
    broken: Mapping[str, Outcome]
    dirty: Sequence[str]
    orders: int
    seconds: float
    outcomes: Mapping[str, Outcome]
    leaving: Sequence[str] = ()


@dataclass(frozen=True)
class _Run:
    """Tests that ran in one process, in this order, and how they ended."""

    order: Sequence[str]
    answer: Answer


def survey(
    tests: Sequence[str], seeds: Sequence[int], wanted: Sequence[str] = (), *, after_each: bool = True
) -> Search[Survey]:
    """Run the suite in its own order, reversed, with those first that leave something, and shuffled by each seed.

    wanted: only these are of interest. What would run behind the last of them is left out, no further order is run once
    all of them have ended otherwise, and what tests leave is not looked at where there is one of them: the hunt for it
    takes less. after_each: whether one that is named is run after each other one, where no order has shown anything,
    and where none is named, each alone, or nearly so.
    """
    own, back = list(tests), list(tests[::-1])
    by_themselves: dict[str, list[Outcome]] = {}
    runs: list[_Run] = []
    if len(wanted) == 1:
        *before, test = _until_last(own, wanted)
        halves = first_halves(before)
        # Side by side, as nothing has to be looked at. Where a half shows it, the whole need not run.
        *first, one, two, three = yield Batch([*(Probe((*half, test)) for half in halves), *_thrice(wanted)])
        by_themselves = _by_test(wanted, [one, two, three])
        suspect = _shown_by_halves(tests, test, by_themselves[test], before, first)
        if suspect is not None:
            seconds = sum(answer.seconds for answer in first if answer)
            return Survey([suspect], {}, (), 1, seconds, {test: suspect.alone})
        runs = yield from _runs([[*before, test]])
    else:
        if wanted:
            by_themselves = _by_test(wanted, (yield Batch(_thrice(wanted))))
        orders = [own] if wanted else [own, back]
        runs = yield from _runs([_until_last(order, wanted) for order in orders], looks=True)
    count = 1 if wanted else 2
    seconds = runs[0].answer.seconds if runs else 0.0
    dirty = list(dict.fromkeys(chain.from_iterable(dirty_tests(run.answer) for run in runs)))

    def is_enough() -> bool:
        return bool(wanted) and len(_suspects(tests, runs, by_themselves)) == len(wanted)

    if wanted and not is_enough():
        runs += yield from _runs([_until_last(back, wanted)])
        count += 1
    if not is_enough():
        orders = [_until_last(order, wanted) for order in _further(tests, seeds, dirty, runs)]
        runs += yield from _runs(orders)
        count += len(orders)
    if len(wanted) == 1 and after_each and not is_enough():
        runs += yield from _after_each(tests, wanted[0], by_themselves[wanted[0]])
    if not wanted and after_each:
        # A brittle test is well after any of those that it needs, and in most orders one of them comes before it.
        runs += yield from _runs(apart(tests))
    if not wanted:
        odd = _odd(tests, [run.answer for run in runs])
        by_themselves = _by_test(odd, (yield Batch(_thrice(odd))))
    suspects = _suspects(tests, runs, by_themselves)
    suspected = {one.test for one in suspects}
    broken = {
        test: outcomes[0]
        for test, outcomes in by_themselves.items()
        if all(one.is_bad for one in outcomes) and test not in suspected
    }
    ended = {**(runs[0].answer.outcomes if runs else {})}
    ended |= {test: max(outcomes, key=outcomes.count) for test, outcomes in by_themselves.items()}
    return Survey(suspects, broken, dirty, count, seconds, ended, _leaving(runs))


def _shown_by_halves(
    tests: Sequence[str],
    test: str,
    by_itself: Sequence[Outcome],
    before: Sequence[str],
    answers: Sequence[Answer | None],
) -> Suspect | None:
    """Return a test as suspect that ends otherwise after one half of what comes before it; None where it does not.

    Whether it does in the suite's own order is known of the nearer half only: tests of that may clean up.
    """
    alone = max(by_itself, key=by_itself.count)
    said = [answer is not None and has_turned(alone, answer.last) for answer in answers]
    if alone.category is Category.MISSING or True not in said:
        return None
    wavers = any(has_turned(alone, one) for one in by_itself)
    rest = tests[len(before) :]
    return Suspect(test, alone, before, is_hidden=not said[0], wavers=wavers, rest=rest, halves=said)


def _further(tests: Sequence[str], seeds: Sequence[int], dirty: Sequence[str], runs: Sequence[_Run]) -> list[list[str]]:
    """Return the orders that are run after the suite's own and the reversed one.

    Tests that have ended their process have been seen. Whoever is left runs in one process now.
    """
    ending = {test for run in runs for test, outcome in run.answer.outcomes.items() if outcome.category in _ENDINGS}
    own = [one for one in tests if one not in ending]
    orders = [[own[place] for place in shuffled(own, seed)] for seed in seeds]
    if ending:
        orders = [own, own[::-1], *orders]
    if dirty:
        # What they leave is there for all others then, unless somebody cleans up.
        dirty_ones = [one for one in dirty if one not in ending]
        others = [one for one in own if one not in set(dirty)]
        orders = [[*dirty_ones, *others], [*reversed(dirty_ones), *reversed(others)], *orders]
    return orders


def _after_each(tests: Sequence[str], wanted: str, alone: Sequence[Outcome]) -> Search[list[_Run]]:
    """Run a test after each other one alone, those of its own module first, until it ends otherwise.

    No order of all of them may show a victim of one test: others clean up.
    """
    usual = max(alone, key=alone.count)
    others = sorted((one for one in tests if one != wanted), key=lambda one: module_of(one) != module_of(wanted))
    probes = [Probe((one, wanted), tells_all=True) for one in others[:_MOST_SINGLES]]
    answers = yield Batch(probes, lambda answer: has_turned(usual, answer.last))
    ran = [_Run(probe.tests, one) for probe, one in zip(probes, answers, strict=True) if one]
    return [run for run in ran if has_turned(usual, run.answer.last)]


def relatives(
    tests: Sequence[str], needed: Sequence[str], found: Collection[str], but: Collection[str]
) -> Search[list[Suspect]]:
    """Find who else ends otherwise after these tests, where ``found`` do: first among those of the same modules.

    but: tests of which it is known already.
    """
    modules = {module_of(one) for one in (*needed, *found)}
    near = [one for one in tests if one not in but and one not in needed]
    near = sorted(near, key=lambda one: module_of(one) not in modules)[:_MOST_RELATIVES]
    after = yield Batch([Probe((*needed, one)) for one in near])
    alone = yield Batch([Probe((one,)) for one in near])
    odd = [
        one
        for one, first, second in zip(near, after, alone, strict=True)
        if first and second and second.last.category is not Category.MISSING and has_turned(second.last, first.last)
    ]
    return (yield from _hidden(dict.fromkeys(odd, needed)))


def hidden_victims(tests: Sequence[str], found: Survey, but: Collection[str]) -> Search[list[Suspect]]:
    """Find who ends otherwise right after a test that leaves something, one of its own module first.

    In all orders others may clean up.

    but: tests of which it is known already.
    """
    pairs = [
        (first, test)
        for first in found.leaving
        for test in tests
        if test not in (first, *but) and test in found.outcomes
    ]
    pairs = sorted(pairs, key=lambda pair: module_of(pair[0]) != module_of(pair[1]))[:_MOST_PAIRS]
    answers = yield Batch([Probe(pair) for pair in pairs])
    after: dict[str, Sequence[str]] = {}
    for (first, test), answer in zip(pairs, answers, strict=True):
        if answer and has_turned(found.outcomes[test], answer.last):
            after.setdefault(test, (first,))
    return (yield from _hidden(after))


def _hidden(after: Mapping[str, Sequence[str]]) -> Search[list[Suspect]]:
    """Return tests as suspects that ended otherwise after these, and in no order of all of them."""
    by_themselves = _by_test(list(after), (yield Batch(_thrice(list(after)))))
    usual = {one: max(outcomes, key=outcomes.count) for one, outcomes in by_themselves.items()}
    return [
        Suspect(one, usual[one], tuple(needed), True, any(has_turned(usual[one], how) for how in by_themselves[one]))
        for one, needed in after.items()
    ]


def _runs(orders: Sequence[Sequence[str]], *, looks: bool = False) -> Search[list[_Run]]:
    """Run whole orders, the first of them looked at; where a test ends its process, what is left runs in another."""
    found: list[_Run] = []
    orders = [order for order in orders if order]
    while orders:
        answers = yield Batch(
            [Probe(tuple(order), looks=looks and not number, tells_all=True) for number, order in enumerate(orders)]
        )
        ran = [_Run(order, one) for order, one in zip(orders, answers, strict=True) if one and one.outcomes]
        found += ran
        orders = [rest for rest in map(_behind, ran) if rest]
    return found


def _until_last(order: Sequence[str], wanted: Collection[str]) -> list[str]:
    """Return an order without what would run behind the last test that is wanted."""
    last = max((place for place, test in enumerate(order) if test in wanted), default=len(order) - 1)
    return list(order[: last + 1])


def _behind(run: _Run) -> Sequence[str]:
    """Return what did not come to run, behind a test that ended the process."""
    reached = max(place for place, test in enumerate(run.order) if test in run.answer.outcomes)
    return run.order[reached + 1 :]


def _thrice(tests: Sequence[str]) -> list[Probe]:
    """Return probes of each test alone: once says too little of one that is flaky."""
    return [Probe((test,)) for test in tests for _ in range(CONFIRMATIONS)]


def _by_test(tests: Sequence[str], answers: Sequence[Answer | None]) -> dict[str, list[Outcome]]:
    return {
        test: [one.last for one in answers[place * CONFIRMATIONS :][:CONFIRMATIONS] if one and one.outcomes]
        or [MISSING]
        for place, test in enumerate(tests)
    }


def _suspects(
    tests: Sequence[str], runs: Sequence[_Run], by_themselves: Mapping[str, Sequence[Outcome]]
) -> list[Suspect]:
    """Return the tests that ended otherwise than alone, each with the least that had run before it when it did.

    And those that end in several ways alone.
    """
    found = []
    for test, outcomes in by_themselves.items():
        alone = max(outcomes, key=outcomes.count)
        if alone.category is Category.MISSING:
            continue
        wavers = any(has_turned(alone, one) for one in outcomes)
        befores = [
            run.order[: run.order.index(test)]
            for run in runs
            if test in run.answer.outcomes and has_turned(alone, run.answer.outcomes[test])
        ]
        if wavers and not befores:
            befores = [run.order[: run.order.index(test)] for run in runs if test in run.answer.outcomes]
        if any(befores) or wavers:
            in_own = runs[0].answer.outcomes.get(test) if runs else None
            is_hidden = in_own is not None and not has_turned(alone, in_own)
            before = min(filter(None, befores), key=len, default=())
            ran = set(before)
            rest = [one for one in tests if one not in ran]
            found.append(Suspect(test, alone, before, is_hidden, wavers, rest))
    return found


def dirty_tests(answer: Answer | None) -> list[str]:
    """Return the tests that left what others may see, in the order in which they ran."""
    if answer is None:
        return []
    owners = {one.leak.owner for one in answer.found if one.leak.change.level is not Level.HARMLESS}
    return [test for test in answer.outcomes if test in owners]


def _leaving(runs: Sequence[_Run]) -> list[str]:
    """Return the tests that left what none before them had, in the orders that were looked at."""
    seen: set[tuple[str, str, str]] = set()
    owners: dict[str, None] = {}
    for run in runs:
        for one in run.answer.found:
            change = one.leak.change
            key = change.kind, change.name, repr(change.after)
            if change.level is not Level.HARMLESS and key not in seen:
                seen.add(key)
                owners[one.leak.owner] = None
    # A fixture of wider scope may be who left it.
    ran = set(chain.from_iterable(run.answer.outcomes for run in runs))
    return [one for one in owners if one in ran]


def _odd(tests: Sequence[str], answers: Sequence[Answer]) -> list[str]:
    """Return the tests that ended in two ways, or badly."""
    found = []
    for test in tests:
        outcomes = [answer.outcomes[test] for answer in answers if test in answer.outcomes]
        if any(one.is_bad or not same_outcome(one, outcomes[0]) for one in outcomes):
            found.append(test)
    return found
