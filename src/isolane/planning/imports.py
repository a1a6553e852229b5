"""Which files make a test end otherwise when they are imported besides its own: what new interpreters are asked.

What a module does when it is imported is in every process that has collected the suite: no order of the tests shows it,
and no fork is free of it. So each probe is an interpreter of its own, which collects certain files and no others.

Pure, as :mod:`search` is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from isolane.model.hunt import Answer, Finding, Probe, Sort
from isolane.model.identity import module_of
from isolane.model.outcome import MISSING, PASSED, Category, Outcome
from isolane.model.state import Level
from isolane.planning.carriers import import_carriers, tried
from isolane.planning.minimize import minimize
from isolane.planning.search import Batch, Search, has_turned

CONFTEST = "conftest.py"
NOT_COLLECTED = Outcome(Category.SETUP_ERROR, "not collected")
"""How a file ends that cannot be imported; one that can has passed."""
OWNER = "module "
"""What stands before a file that has left something when it was imported."""
_MOST_OTHERS = 2
"""How many more sets of files are looked for that do the same."""


def is_conftest(file: str) -> bool:
    """Return whether a file is one that pytest imports for all files beside and below it."""
    return file.rpartition("/")[2] == CONFTEST


def is_below(file: str, conftest: str) -> bool:
    """Return whether pytest imports a conftest for a file.

    >>> is_below("tests/api/test_a.py", "tests/conftest.py"), is_below("tests/test_a.py", "tests/api/conftest.py")
    (True, False)
    """
    return file.startswith(conftest[: -len(CONFTEST)])


def others_than(module: str, files: Iterable[str]) -> list[str]:
    """Return the files that are not imported for a module anyway."""
    return [one for one in files if one != module and not (is_conftest(one) and is_below(module, one))]


def by_imports(
    module: str,
    tests: Sequence[str],
    files: Sequence[str],
    ends: Callable[[str], Outcome],
    settled: Collection[Finding] = (),
) -> Search[list[Finding]]:
    """Find out which tests of a module end otherwise where nothing but it is imported, and which files do that.

    tests: node ids of that module, or the module itself: then it is asked whether it is collected. files: all that are
    imported, conftests too, in the order of the suite. ends: how each ends in a process that has collected all of them.
    settled: what has been found for tests of other modules.
    """
    if not others_than(module, files):
        return []
    (by_itself,) = yield Batch([Probe(tuple(tests), files=(module,), tells_all=True)])
    alone = dict(by_itself.outcomes) if by_itself else {}
    if alone.get(module, PASSED).is_bad and module not in tests:
        tests = [module]  # None of them is there to run.
    odd = [one for one in tests if one in alone and has_turned(alone[one], ends(one))]
    if not odd:
        return []
    (whole,) = yield Batch([Probe(tuple(odd), files=(), looks=True, tells_all=True)])
    search = _Imports(module, files, alone, whole, by_itself.modules if by_itself else (), settled)
    return (yield from search.run(odd))


class _Imports:
    """Looks into the tests of one module. alone: how they end with it alone. whole: what all files together came to."""

    def __init__(
        self,
        module: str,
        files: Sequence[str],
        alone: Mapping[str, Outcome],
        whole: Answer | None,
        preloaded: Sequence[str],
        settled: Collection[Finding],
    ) -> None:
        self._module = module
        self._files = files
        self._others = others_than(module, files)
        self._alone = alone
        self._together = whole.outcomes if whole else {}
        self._preloaded = tuple(preloaded)
        self._settled = [one for one in settled if one.sort is Sort.IMPORT and module not in one.needed]
        owners = {
            one.leak.owner.removeprefix(OWNER)
            for one in (whole.found if whole else ())
            if one.leak.change.level is not Level.HARMLESS
        }
        self._dirty = [one for one in self._others if one in owners]

    def run(self, tests: Sequence[str]) -> Search[list[Finding]]:
        findings = []
        waiting = list(tests)
        while waiting:
            first, *waiting = waiting
            finding = yield from self._look_into(first)
            findings.append(finding)
            if finding.needed and waiting:
                alike = yield from self._alike(finding, waiting)
                findings += alike
                waiting = [one for one in waiting if one not in {found.test for found in alike}]
        return findings

    def _turns(self, test: str, outcome: Outcome) -> bool:
        return has_turned(self._alone[test], outcome)

    def _with(self, part: Collection[str]) -> tuple[str, ...]:
        """Return the files that are collected, in the suite's order."""
        return tuple(one for one in self._files if one == self._module or one in part)

    def _look_into(self, test: str) -> Search[Finding]:
        unclear = Finding(test, Sort.UNCLEAR, self._alone[test])
        if not self._turns(test, self._together.get(test, MISSING)):
            return unclear
        needed = yield from self._needed(test)
        if not needed:
            return unclear
        turned = yield from self._confirmed(test, needed)
        if turned is None:
            return unclear
        finding = Finding(test, Sort.IMPORT, self._alone[test], turned, needed)
        finding = replace(finding, others=tuple((yield from self._further(test, needed))))
        return (yield from import_carriers(finding, self._with(needed), self._preloaded))

    def _ask(self, test: str, parts: Sequence[Collection[str]]) -> Search[list[bool | None]]:
        probes = [Probe((test,), files=self._with(part)) for part in parts]
        answers = yield Batch(probes, lambda answer: self._turns(test, answer.last))
        return [None if answer is None else self._turns(test, answer.last) for answer in answers]

    def _needed(self, test: str) -> Search[tuple[str, ...]]:
        """Find the fewest files that do it: of those that leave something when they are imported, else of all."""
        known = list(dict.fromkeys(one.needed for one in self._settled if set(one.needed) <= set(self._others)))
        if known:
            said = yield from self._ask(test, known)
            if True in said:
                return known[said.index(True)]
        for candidates in (self._dirty, self._others):
            found = yield from self._smallest(test, candidates)
            if found:
                return found
        return ()

    def _smallest(self, test: str, candidates: Sequence[str]) -> Search[tuple[str, ...]]:
        if not candidates or not (yield from self._ask(test, [candidates]))[0]:
            return ()
        found = yield from tried(minimize(candidates), lambda parts: self._ask(test, parts))
        return (yield from self._or_their_conftests(test, found))

    def _or_their_conftests(self, test: str, found: Sequence[str]) -> Search[tuple[str, ...]]:
        """Return conftests instead of files that do it by no more than having these imported for them."""
        conftests = [
            one
            for one in self._others
            if is_conftest(one) and one not in found and any(is_below(file, one) for file in found)
        ]
        rest = [one for one in found if not any(is_below(one, conftest) for conftest in conftests)]
        if not conftests or not (yield from self._ask(test, [[*rest, *conftests]]))[0]:
            return tuple(found)
        least = yield from tried(minimize(conftests), lambda parts: self._ask(test, [[*rest, *part] for part in parts]))
        return tuple(one for one in self._files if one in rest or one in least)

    def _confirmed(self, test: str, needed: Sequence[str]) -> Search[Outcome | None]:
        """Return how it ends with them; None where that, or how it ends alone, is not the same as before.

        Both have been seen once already, and are once more when state is put back.
        """
        ends = yield Batch([Probe((test,), files=self._with(part)) for part in (needed, ())])
        after, alone = (one.last if one else MISSING for one in ends)
        return after if self._turns(test, after) and alone != MISSING and not self._turns(test, alone) else None

    def _further(self, test: str, needed: Sequence[str]) -> Search[list[tuple[str, ...]]]:
        """Find what else does the same without them."""
        found: list[tuple[str, ...]] = []
        used = set(needed)
        while len(found) < _MOST_OTHERS:
            rest = [one for one in self._others if not any(one == file or _brings(one, file) for file in used)]
            smallest = yield from self._smallest(test, rest)
            if not smallest:
                break
            found.append(smallest)
            used |= set(smallest)
        return found

    def _alike(self, finding: Finding, tests: Sequence[str]) -> Search[list[Finding]]:
        """Find the tests of the module that end otherwise with the same files, and whether by the same state."""
        kinds = tuple(dict.fromkeys(one.leak.change.kind for one in finding.carriers)) if finding.tried else ()
        probe = Probe(tuple(tests), files=self._with(finding.needed), tells_all=True)
        undone = replace(probe, restored=kinds)
        after, without = yield Batch([probe, undone])
        found = []
        for test in tests:
            turned = after.outcomes.get(test, MISSING) if after else MISSING
            if self._turns(test, turned):
                put_back = without.outcomes.get(test, MISSING) if without else MISSING
                is_tried = bool(kinds) and put_back != MISSING and not self._turns(test, put_back)
                found.append(replace(finding, test=test, alone=self._alone[test], after=turned, tried=is_tried))
        return found


def _brings(file: str, used: str) -> bool:
    """Return whether a conftest is imported with a file."""
    return is_conftest(used) and is_below(file, used)


def tests_by_module(tests: Iterable[str]) -> dict[str, list[str]]:
    """Return node ids by their files."""
    found: dict[str, list[str]] = {}
    for one in tests:
        found.setdefault(module_of(one), []).append(one)
    return found
