"""What a hunt says, at 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isolane.model.explanation import Blame, Explained, Frame
from isolane.model.hunt import Finding, HuntResult, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.state import Change, Leak
from isolane.planning.imports import NOT_COLLECTED
from isolane.reports.hunt_text import hunt_lines

FAILED = Outcome(Category.FAILED, "AssertionError")
LINE = Frame("tests/test_a.py", 7, "test", True, f"os.environ['A'] = {'+'.join(['one'] * 30)}")
CARRIER = Explained(
    Leak("a.py::test", Change("env", "A", None, "of a value that is long " * 9)), False, Blame((LINE,), (LINE,))
)
BY_IMPORT = replace(CARRIER, leak=replace(CARRIER.leak, owner="module a.py"), at_import=True)
FINDINGS = (
    Finding(
        "b.py::test", Sort.VICTIM, PASSED, FAILED, ("a.py::test",), (("c.py::test",),), (CARRIER,), True, "d.py::test"
    ),
    Finding("e.py::test", Sort.BRITTLE, FAILED, PASSED, ("a.py::test", "b.py::test")),
    Finding(
        "f.py::test",
        Sort.COLLISION,
        PASSED,
        FAILED,
        ("g.py::test",),
        rates=((0, 4), (2, 5)),
        shared=("port:80",),
        stood="it stood still, having touched it twice",
    ),
    Finding("h.py::test", Sort.COLLISION, PASSED, FAILED, rates=((0, 40), (3, 10))),
    Finding("n.py::test", Sort.IMPORT, PASSED, FAILED, ("a.py",), carriers=(BY_IMPORT,), tried=True),
    Finding("o.py", Sort.IMPORT, NOT_COLLECTED, PASSED, ("a.py", "b/conftest.py")),
    Finding("i.py::test", Sort.SEED, PASSED, FAILED, seeds=(1, 3)),
    Finding("j.py::test", Sort.BROKEN, FAILED),
    Finding("m.py::test", Sort.TIME, FAILED, PASSED, clocks=("2015-06-15 12:00:07.25", "2020-01-01 00:00:01.75")),
    Finding("k.py::test", Sort.FLAKY, PASSED, FAILED, rates=((3, 10), (4, 10))),
    Finding("l.py::test", Sort.UNCLEAR, PASSED, FAILED),
)


def said(*findings: Finding, width: int = 80, **changed: object) -> list[str]:
    return list(hunt_lines(HuntResult(findings, 40, 6, **changed), width))


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda one: f"{one.sort.value} {one.test}")
def test_no_line_is_longer_than_80_columns(finding: Finding) -> None:
    lines = said(finding, notes=("The project is too large to be copied: probes ran in it, and what they did stays.",))
    assert [line for line in lines if len(line) > 80] == []
    assert any(finding.test in line for line in lines)


def test_each_sort_has_its_own_word() -> None:
    heads = [line.partition(". ") for line in said(*FINDINGS)]
    assert [head for number, _, head in heads if number.isdecimal() and not head.startswith(" ")] == [
        "polluter:",
        "only well after all of:",
        "polluter, when it is imported:",
        "only well where all of these are imported:",
        "broken, whatever runs before:",
        "at the same time as:",
        "at the same time as others: isolane hunt --collisions looks for them",
        "by the seed of random numbers, whatever runs before:",
        "by the clock, whatever runs before:",
        "flaky, in the same order:",
        "ended otherwise once, and not again:",
    ]


def test_a_command_is_whole_and_it_is_said_whether_it_has_shown_it() -> None:
    command = f"cd /project && pytest {' '.join(f'tests/test_{number}.py::test' for number in range(9))}"
    shown, not_shown = (replace(FINDINGS[1], command=command, shown=one) for one in (True, False))
    assert said(shown)[-4:-2] == ["   see it (ran once, and shows it):", f"     {command}"]
    assert "   see it (ran once, and did not show it):" in said(not_shown)


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({}, "Nothing found: every one of 40 tests ended the same way in 6 orders."),
        ({"meetings": (3, 3)}, "Nothing found: 3 pairs of tests that touch one thing end at the same time as"),
        ({"meetings": (0, 0)}, "Nothing to try: no two tests were seen to touch one file, port or database, but"),
    ],
)
def test_nothing_found_says_what_was_tried(changed: dict[str, object], first: str) -> None:
    assert said(**changed)[0] == first


def test_what_pairs_say() -> None:
    lines = " ".join(said(dirty=["a"] * 12, pairs=(380, 384), pair_seconds=3.2))
    assert "Pairs: 380 of 384 over 12 dirty tests: 384 pairs, each in a process of its own, 3.20 s." in lines
    assert "Where a pair is missing, the first test ends its process." in lines
    assert "Pairs: no test was seen to leave anything." in " ".join(said(pairs=(0, 0)))
    assert "Pairs" not in " ".join(said())
    assert "of 40 tests and parts of them, 3 files imported alone; " in " ".join(said(files=3))


def test_what_imports_do_is_told_with_the_line_and_what_to_do_instead() -> None:
    lines = said(FINDINGS[4], FINDINGS[5])
    assert lines[0] == "2 tests of 40 end otherwise by what other files import."
    assert lines[3] == "     a.py"
    assert lines[4] == "   left behind by the import (put back, all is well):"
    assert [line for line in lines if line.startswith("       by ")] == []  # who it is has been said
    assert "   mend env: in a fixture, and not when it is imported: monkeypatch.setenv and" in lines
    assert "       alone passed, with that imported failed (AssertionError)" in lines
    assert lines[lines.index("   1 file:") + 1 :][:2] == [
        "     o.py",
        "       cannot be collected, is collected with that imported",
    ]


@pytest.mark.parametrize(
    ("findings", "said_of_them"),
    [
        (FINDINGS[:2], "end otherwise in another order"),
        ((FINDINGS[0], FINDINGS[4]), "end otherwise in other company"),
        ((FINDINGS[4], FINDINGS[-2]), "end now this way, now that"),
    ],
)
def test_what_is_wrong_is_said_in_short(findings: tuple[Finding, ...], said_of_them: str) -> None:
    assert said(*findings)[0] == f"2 tests of 40 {said_of_them}."
