"""Which state carries it: put back a kind at a time, or as few as it takes together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest

from isolane.model.explanation import Explained
from isolane.model.hunt import SET_UP, Answer, Finding, Probe, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.state import Change, Leak, Level
from isolane.planning.carriers import carriers

FAILED = Outcome(Category.FAILED, "KeyError")
VICTIM = Finding("test_b.py::test_victim", Sort.VICTIM, PASSED, FAILED, needed=("test_a.py::test_polluter",))


def found(
    left: Collection[str],
    cures: Collection[Collection[str]],
    *,
    in_libraries: Collection[str] = (),
    settled: Collection[Finding] = (),
) -> tuple[Finding, list[Probe]]:
    """Run the search where these kinds are left, and putting back all of any of ``cures`` makes the victim well.

    in_libraries: what is left there. settled: what is known of others.
    """
    asked: list[Probe] = []

    def answer(probe: Probe) -> Answer:
        asked.append(probe)
        seen = {*left, *in_libraries} if probe.widely else set(left)
        well = any(set(cure) <= seen & set(probe.restored) for cure in cures)
        changes = [Change(kind, "name", None, 1) for kind in sorted(seen)] if probe.looks else []
        leaks = [Leak(owner, change) for owner in (*VICTIM.needed, VICTIM.test) for change in changes]
        last = PASSED if well else FAILED
        return Answer({probe.asked: last}, last, found=tuple(Explained(leak, at_import=False) for leak in leaks))

    search = carriers(VICTIM, settled)
    batch = next(search)
    while True:
        answers: list[Answer | None] = [answer(probe) for probe in batch.probes]
        try:
            batch = search.send(answers)
        except StopIteration as end:
            return end.value, asked


@pytest.mark.parametrize("helps", [True, False])
@pytest.mark.parametrize("left", [[], ["env"]])
def test_fixtures_are_set_up_anew_where_nothing_that_was_left_carries_it(left, helps):
    changes = [Change(kind, "name", None, 1) for kind in left]
    changes.append(Change(SET_UP, "test_b.basket", "set up anew", "as others have left it", Level.HARMLESS))
    leaks = tuple(Explained(Leak(VICTIM.needed[0], change), at_import=False) for change in changes)
    finding = None
    search = carriers(VICTIM)
    batch = next(search)
    while finding is None:
        lasts = [PASSED if helps and SET_UP in probe.restored else FAILED for probe in batch.probes]
        seen = [leaks if probe.looks and not probe.widely else () for probe in batch.probes]
        try:
            batch = search.send([Answer({}, last, found=found) for last, found in zip(lasts, seen, strict=True)])
        except StopIteration as end:
            finding = end.value
    assert finding.tried is helps
    assert [one.leak.change.kind for one in finding.carriers] == ([SET_UP] if helps else left)


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
    assert all(one.leak.owner in VICTIM.needed for one in finding.carriers)


def test_libraries_are_looked_into_where_nothing_else_helps():
    finding, _ = found("ab", ["c"], in_libraries="c")

    assert [one.leak.change.kind for one in finding.carriers] == ["c"]
    assert finding.tried
    assert not any(probe.widely for probe in found("ab", ["a"], in_libraries="c")[1])


def test_what_carries_it_to_one_is_tried_first_for_the_next():
    first, _ = found("abc", ["b"])
    second, asked = found("abc", ["b"], settled=[replace(first, test="test_b.py::test_other")])

    assert (second.carriers, second.tried) == (first.carriers, True)
    assert asked[0].restored == ("b",)
    assert not any(probe.traced or probe.looks for probe in asked)

    third, asked = found("abc", ["c"], settled=[replace(first, test="test_b.py::test_other")])
    assert [one.leak.change.kind for one in third.carriers] == ["c"]
    assert not any(probe.traced for probe in asked)
