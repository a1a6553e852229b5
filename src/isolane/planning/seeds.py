"""Whether a test ends by the random numbers that it draws: then who drew some before it is not what is wrong with it.

Pure, as :mod:`hunt` is.
"""

from __future__ import annotations

from dataclasses import replace

from isolane.model.hunt import Finding, Probe, Sort
from isolane.planning.hunt import CONFIRMATIONS, Batch, Search, has_turned

SEEDS = range(1, 11)
"""The seeds that are tried: one in three that fails is missed by these once in 58 times (2/3 to the tenth)."""
MOST_BROKEN = 20
"""How many of the tests that are bad wherever they run are asked about."""
_KIND = "random_state"


def by_its_numbers(finding: Finding) -> Search[Finding]:
    """Return a finding as one that depends on the seed, where the test alone ends by the seed again and again.

    Asked only where no other state was shown to carry it: to draw a number is what any test may do. One that is bad
    wherever it runs may only ever have met the same numbers.
    """
    kinds = {one.leak.change.kind for one in finding.carriers}
    if not (finding.needed or finding.sort is Sort.BROKEN) or (finding.tried and kinds != {_KIND}):
        return finding
    probes = [Probe((finding.test,), seed=seed) for seed in SEEDS]
    turned: list[bool] = []
    for _ in range(CONFIRMATIONS):
        answers = yield Batch(probes)
        now = [one is not None and has_turned(finding.alone, one.last) for one in answers]
        if len(set(now)) == 1 or now != (turned or now):
            return finding
        turned = now
    seeds = tuple(seed for seed, did in zip(SEEDS, turned, strict=True) if did)
    return replace(finding, sort=Sort.SEED, needed=(), others=(), carriers=(), tried=False, cleaner="", seeds=seeds)
