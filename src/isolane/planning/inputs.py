"""Whether a test ends by the random numbers that it draws, or by the clock: then nobody before it is what is wrong.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from isolane.model.hunt import NOW, Finding, Probe, Sort
from isolane.model.outcome import Outcome
from isolane.planning.search import CONFIRMATIONS, Batch, Search, has_turned

SEEDS = range(1, 11)
"""The seeds that are tried: one in three that fails is missed by these once in 58 times (2/3 to the tenth)."""
CLOCKS = (
    "2015-06-15 12:00:07.25",
    "2020-01-01 00:00:01.75",
    "2022-11-06 06:30:31.25",
    "2024-02-29 23:59:50.75",
    "2025-12-31 22:45:58.25",
    "2027-03-28 01:30:20.75",
    "2030-08-02 17:05:44.25",
    "2038-02-01 09:10:13.75",
)
"""What the clock says, in UTC, when the test begins: night and day, ends of months and years, a leap day, changes to
and from summer time, either side of the end of 32-bit time, even and odd seconds, either half of them."""
MOST_BROKEN = 10
"""How many of the tests that are bad wherever they run are asked about."""
_ROUNDS = 5
"""How often all of them are run. A test that is bad by chance in one run of ten is so five times in one place, and in
no other, once in a million times."""
_KIND = "random_state"


def by_its_inputs(finding: Finding) -> Search[Finding]:
    """Return a finding as one that depends on the seed or on the time, where it ends by these again and again.

    Numbers are asked about where no other state was shown to carry it: to draw one is what any test may do. The clock,
    where nothing else is known to make a difference. A test that is bad wherever it runs may only ever have met the
    same numbers, or have been well last year.
    """
    kinds = {one.leak.change.kind for one in finding.carriers}
    if finding.sort is Sort.BROKEN or (finding.needed and not (finding.tried and kinds != {_KIND})):
        turned = yield from _steadily(finding, [Probe((finding.test,), seed=seed) for seed in SEEDS])
        if turned:
            seeds = tuple(SEEDS[place] for place in turned)
            return replace(_without_others(finding, turned), sort=Sort.SEED, seeds=seeds)
    if finding.sort in (Sort.BROKEN, Sort.FLAKY):
        turned = yield from _steadily(finding, [Probe((finding.test,), clock=clock) for clock in CLOCKS])
        if turned and not (yield from _is_of_our_clock(finding)):
            clocks = tuple(CLOCKS[place] for place in turned)
            return replace(_without_others(finding, turned), sort=Sort.TIME, clocks=clocks, rates=None)
    return finding


def _steadily(finding: Finding, probes: Sequence[Probe]) -> Search[dict[int, Outcome]]:
    """Return in which of the probes, by their place, the test has turned each time; nothing where all end alike.

    Nor where it now has, now has not.
    """
    turned: dict[int, Outcome] = {}
    for time in range(_ROUNDS):
        answers = yield Batch(probes)
        now = {
            place: one.last
            for place, one in enumerate(answers)
            if one is not None and has_turned(finding.alone, one.last)
        }
        if len(now) in (0, len(probes)) or (time and now.keys() != turned.keys()):
            return {}
        turned = now
    return turned


def _is_of_our_clock(finding: Finding) -> Search[bool]:
    """Return whether the test turns by being given a clock at all, also one that says what the machine's does."""
    probes = [Probe((finding.test,), clock=clock) for clock in (None, NOW)] * CONFIRMATIONS
    answers = yield Batch(probes)
    turned = {
        one.clock
        for one, answer in zip(probes, answers, strict=True)
        if answer and has_turned(finding.alone, answer.last)
    }
    return turned == {NOW}


def _without_others(finding: Finding, turned: Mapping[int, Outcome]) -> Finding:
    after = finding.after or next(iter(turned.values()))
    return replace(finding, after=after, needed=(), others=(), carriers=(), tried=False, cleaner="")
