"""Every test after each that leaves something: complete for two tests, where a few orders are a sample.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from isolane.model.hunt import Answer, Finding, Probe
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.model.state import Level
from isolane.planning.search import CONFIRMATIONS, Batch, Search, has_turned

_OF_A_PROBE = re.compile(r"probe-[^/'\"]+")
_AT_A_TIME = 500
"""How many probes are asked for at once: what each of them writes stays until all of them have ended."""


@dataclass(frozen=True)
class Turned:
    """A test that ended otherwise than alone, right after each of these."""

    test: str
    alone: Outcome
    after: Sequence[str]


@dataclass(frozen=True)
class Pairs:
    """What all pairs have shown.

    dirty: the tests that others ran after, in the suite's order. alike: how many more leave something, and nothing that
    these do not. turned: who ended otherwise. told: how many pairs have told anything. of: how many there are: where
    the first of two ends its process, the other does not run.
    """

    dirty: Sequence[str]
    alike: int
    turned: Sequence[Turned]
    told: int
    of: int


def all_pairs(tests: Sequence[str], wanted: Sequence[str], dirty: Collection[str]) -> Search[Pairs]:
    """Run each test alone, and look; then each that is wanted after each that leaves something of its own.

    dirty: those that are known to leave something after others: some leave nothing when they run alone. Of those that
    leave the same when they do, the first stands for all: many tests may fill one cache, whoever comes first.
    """
    alone = yield from _answers([Probe((test,), looks=True) for test in tests])
    outcomes = {test: answer.last if answer else MISSING for test, answer in zip(tests, alone, strict=True)}
    firsts, alike = _of_its_own(tests, alone, dirty)
    probes = [
        Probe((first, test))
        for first in firsts
        for test in wanted
        if test != first and outcomes[test].category is not Category.MISSING
    ]
    answers = yield from _answers(probes)
    told = [(probe, answer) for probe, answer in zip(probes, answers, strict=True) if _has_run(answer)]
    after: dict[str, list[str]] = {}
    for probe, answer in told:
        if answer is not None and has_turned(outcomes[probe.asked], answer.last):
            after.setdefault(probe.asked, []).append(probe.tests[0])
    of = sum(test != first for first in firsts for test in wanted)
    turned = [Turned(test, outcomes[test], after[test]) for test in wanted if test in after]
    return Pairs(firsts, alike, turned, len(told), of)


def _of_its_own(tests: Sequence[str], alone: Sequence[Answer | None], dirty: Collection[str]) -> tuple[list[str], int]:
    """Return the tests that leave what nobody before them leaves, and how many leave only that."""
    seen: set[tuple[str, str, str]] = set()
    firsts, alike = [], 0
    for test, answer in zip(tests, alone, strict=True):
        left = set(_left(answer))
        if test in dirty or left - seen:
            firsts.append(test)
        elif left:
            alike += 1
        seen |= left
    return firsts, alike


def _left(answer: Answer | None) -> Iterator[tuple[str, str, str]]:
    for one in answer.found if answer else ():
        change = one.leak.change
        if change.level is not Level.HARMLESS:
            # Each probe has temporary files of its own.
            yield change.kind, change.name, _OF_A_PROBE.sub("probe", repr(change.after))


def with_all_others(finding: Finding, after: Sequence[str]) -> Search[Finding]:
    """Return a finding with those of them as well after which the test ends otherwise again and again."""
    listed = {*finding.others, finding.needed}
    new = [one for one in after if (one,) not in listed]
    answers = yield from _answers([Probe((one, finding.test)) for one in new for _ in range(CONFIRMATIONS - 1)])
    held = [
        (one,)
        for place, one in enumerate(new)
        if all(
            answer is not None and has_turned(finding.alone, answer.last)
            for answer in answers[place * (CONFIRMATIONS - 1) :][: CONFIRMATIONS - 1]
        )
    ]
    return replace(finding, others=(*finding.others, *held))


def pairs_claim(dirty: int, told: int, of: int) -> str:
    """Return what may be claimed of all pairs, in words to repeat.

    >>> pairs_claim(12, 384, 384), pairs_claim(1, 30, 32)
    ('pairs: complete over 12 dirty tests', 'pairs: 30 of 32 over 1 dirty test')
    """
    if not dirty:
        return "pairs: no test was seen to leave anything"
    how_many = "complete" if told == of else f"{told:,} of {of:,}"
    return f"pairs: {how_many} over {dirty} dirty test{'' if dirty == 1 else 's'}"


def _answers(probes: Sequence[Probe]) -> Search[list[Answer | None]]:
    answers: list[Answer | None] = []
    for start in range(0, len(probes), _AT_A_TIME):
        answers += yield Batch(probes[start : start + _AT_A_TIME])
    return answers


def _has_run(answer: Answer | None) -> bool:
    return answer is not None and answer.last.category is not Category.MISSING
