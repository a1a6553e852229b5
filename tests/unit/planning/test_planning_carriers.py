"""Which state carries it: put back a kind at a time, or as few as it takes together."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from isolane.model.explanation import Explained
from isolane.model.hunt import Answer, Finding, Probe, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.state import Change, Leak
from isolane.planning.hunt import carriers

FAILED = Outcome(Category.FAILED, "KeyError")
VICTIM = Finding("test_b.py::test_victim", Sort.VICTIM, PASSED, FAILED, needed=("test_a.py::test_polluter",))


def found(left: Collection[str], cures: Collection[Collection[str]]) -> tuple[Finding, list[Probe]]:
    """Run the search where these kinds are left, and putting back all of any of ``cures`` makes the victim well."""
    asked: list[Probe] = []

    def answer(probe: Probe) -> Answer:
        asked.append(probe)
        well = any(set(cure) <= set(probe.restored) for cure in cures)
        leaks = [Leak(VICTIM.needed[0], Change(kind, "name", None, 1)) for kind in left] if probe.looks else []
        last = PASSED if well else FAILED
        return Answer({probe.asked: last}, last, found=tuple(Explained(leak, at_import=False) for leak in leaks))

    search = carriers(VICTIM)
    batch = next(search)
    while True:
        answers: list[Answer | None] = [answer(probe) for probe in batch.probes]
        try:
            batch = search.send(answers)
        except StopIteration as end:
            return end.value, asked


@pytest.mark.parametrize(
    ("left", "cures", "kinds", "tried"),
    [
        ("ab", ["a"], "a", True),
        ("abc", ["a", "c"], "ac", True),
        ("abcdef", ["be"], "be", True),
        ("abcdef", ["abcdef"], "abcdef", True),
        ("abc", [], "abc", False),
        ("", [], "", False),
    ],
)
def test_as_few_kinds_as_it_takes(left: str, cures: list[str], kinds: str, tried: bool) -> None:
    finding, asked = found(left, cures)

    assert "".join(sorted(one.leak.change.kind for one in finding.carriers)) == kinds
    assert finding.tried is tried
    assert all(probe.tests == (*VICTIM.needed, VICTIM.test) for probe in asked)
