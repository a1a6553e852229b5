"""Which tests end otherwise where nothing but their own file is imported, and what other files do when they are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from isolane.model.hunt import Finding, HuntResult, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, PASSED, Outcome
from isolane.planning.imports import NOT_COLLECTED, by_imports, is_conftest, others_than, tests_by_module
from isolane.usecases.hunt_fresh import FreshProber

MOST_FILES = 10
"""Files of which each is imported alone for tests that nothing else explains: it takes a start of Python for each."""
_NOT_EXPLAINED = (Sort.BROKEN, Sort.UNCLEAR)


@dataclass(frozen=True)
class Collected:
    """What a hunt has collected. files: all that were imported, in order. lost: those that could not be. outcomes: how
    tests end in a process that has imported all, as far as it is known.
    """

    files: Sequence[str]
    tests: Sequence[str]
    lost: Sequence[str]
    outcomes: Mapping[str, Outcome]

    def ends(self, test: str) -> Outcome:
        """Return how a test, or the import of a file, ends there."""
        if test in self.lost:
            return NOT_COLLECTED
        return PASSED if "::" not in test else self.outcomes.get(test, MISSING)


def with_imports(
    found: HuntResult, collected: Collected, wanted: Collection[str], *, everywhere: bool, prober: FreshProber
) -> HuntResult:
    """Return the result with what imports explain.

    Looked into are tests that are broken in every process that has imported all, files that cannot be imported there,
    and what is named and not explained. wanted: tests, or files. everywhere: where nothing is named, all tests.
    """
    asked = _asked(found.findings, collected, wanted, everywhere=everywhere)
    chosen = asked if everywhere else dict(list(asked.items())[:MOST_FILES])
    findings = list(found.findings)
    before = prober.probes
    settled: list[Finding] = []
    for module, tests in chosen.items():
        for one in prober.drive(by_imports(module, tests, collected.files, collected.ends, settled)):
            findings = [*(other for other in findings if other.test != one.test), one]
            settled.append(one)
    notes = []
    if len(chosen) < len(asked):
        notes = [f"Of {len(asked)} files with tests that nothing explains {len(chosen)} were imported alone."]
    probes = found.probes + prober.probes - before
    return replace(found, findings=findings, probes=probes, files=len(chosen), notes=(*found.notes, *notes))


def _asked(
    findings: Sequence[Finding], collected: Collected, wanted: Collection[str], *, everywhere: bool
) -> dict[str, list[str]]:
    """Return what is asked of each file: its tests, or the file itself where it cannot be imported."""
    explained = {one.test for one in findings if one.sort not in _NOT_EXPLAINED}
    broken = {one.test for one in findings if one.sort is Sort.BROKEN}

    def is_asked(test: str) -> bool:
        named = any(test.endswith(one) or module_of(test) == one for one in wanted) if wanted else everywhere
        return test not in explained and (named or test in broken)

    asked = tests_by_module(filter(is_asked, collected.tests))
    if not wanted:
        asked |= {file: [file] for file in collected.lost if not is_conftest(file)}
    return {file: tests for file, tests in asked.items() if others_than(file, collected.files)}
