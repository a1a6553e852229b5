"""A proof in words: on a terminal of 80 columns, and as a page of markdown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from tests.unit.reports.proof_samples import ALL, GOLDENS, MANY, NONE, ONE, SERIAL, SHUFFLED, difference, proof, ran

from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.proof import Failure, Flaky, Proof
from isolane.reports.proof_md import proof_page
from isolane.reports.proof_text import proof_lines


def commands_of(sample: Proof) -> set[str]:
    return {sample.baseline_command, *(one.command for one in sample.differences)}


def node_ids_of(sample: Proof) -> set[str]:
    return {one.node_id for one in (*sample.differences, *sample.failures, *sample.flaky)}


def tables_of(page: str) -> list[list[list[str]]]:
    """Return the text of each cell of each table, as a reader of the rendered page sees it."""
    tables: list[list[list[str]]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        if token.type == "table_open":
            tables.append([])
        elif token.type == "tr_open":
            tables[-1].append([])
        elif token.type == "inline" and token.level > 2 and tables and token.children is not None:
            assert not any(child.type == "html_inline" for child in token.children)
            tables[-1][-1].append("".join(child.content for child in token.children))
    return tables


@pytest.mark.parametrize("name", ALL)
def test_the_terminal_shows_what_it_always_showed(name: str) -> None:
    golden = (GOLDENS / f"proof_{name}.txt").read_text(encoding="utf-8")

    assert "\n".join(proof_lines(ALL[name], 80)) + "\n" == golden


@pytest.mark.parametrize("name", ALL)
def test_the_page_shows_what_it_always_showed(name: str) -> None:
    assert proof_page(ALL[name]) == (GOLDENS / f"proof_{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ALL)
def test_no_line_is_wider_than_the_terminal_but_commands_and_node_ids(name: str, width: int) -> None:
    sample = ALL[name]
    whole = commands_of(sample) | node_ids_of(sample)

    wide = [
        line
        for line in proof_lines(sample, width)
        if len(line) > width and line.strip() not in whole and " " in line.strip()
    ]

    assert wide == []


@pytest.mark.parametrize("name", ALL)
def test_every_command_stands_on_a_line_of_its_own_to_be_copied(name: str) -> None:
    lines = {line.strip() for line in proof_lines(ALL[name], 80)}
    page = proof_page(ALL[name])

    for one in ALL[name].differences:
        assert one.command in lines
    for command in commands_of(ALL[name]):
        assert f"```console\n{command}\n```\n" in page


def test_what_cannot_be_compared_without_the_serial_run_names_its_command() -> None:
    assert NONE.baseline_command not in "\n".join(proof_lines(NONE))
    assert f"  {MANY.baseline_command}" in list(proof_lines(MANY))


def test_a_long_list_is_cut_on_the_terminal_and_whole_on_the_page() -> None:
    failures = tuple(Failure(f"a.py::test_{number}", Outcome(Category.FAILED), "", "") for number in range(25))
    sample = proof(failures=failures)

    lines = list(proof_lines(sample))
    assert "25 tests fail in the serial run:" in lines
    assert sum("a.py::test_" in line for line in lines) == 10
    assert "  … and 15 more, in the report" in lines
    assert len(tables_of(proof_page(sample))[0]) == 1 + 25


def test_a_list_that_just_fits_is_not_cut() -> None:
    failures = tuple(Failure(f"a.py::test_{number}", Outcome(Category.FAILED), "", "") for number in range(10))

    assert not any("more, in the report" in line for line in proof_lines(proof(failures=failures)))


def test_a_test_that_was_named_above_is_only_counted() -> None:
    lines = list(proof_lines(MANY))

    assert sum("test_learning.py::test_0:" in line for line in lines) == 1
    assert "  and 1 of those above" in lines
    assert "  1 of those above" in lines


def test_modules_alone_are_one_row() -> None:
    rows = [line.split()[0:4] for line in proof_lines(NONE) if line.startswith("2 modules, each alone ")]

    assert rows == [["2", "modules,", "each", "alone"]]
    assert not any("alone: " in line for line in proof_lines(NONE))


AWKWARD = [
    "a|b",
    "<module 'x'>",
    "`code` and ``more``",
    "*bold* _under_ [link](x) &amp;",
    "two\nlines",
    "assert <Stop object at 0x7f> == None",
]


@pytest.mark.parametrize("text", AWKWARD)
def test_the_page_shows_any_text_as_it_is(text: str) -> None:
    expected = text.replace("\n", " ")
    sample = proof(
        failures=(Failure(f"a.py::test[{text}]", Outcome(Category.FAILED, "E"), text, "a.py:1"),),
        differences=(
            difference(f"a.py::test[{text}]", SHUFFLED, Outcome(Category.FAILED, "E"), message=text, command="c"),
        ),
        flaky=(Flaky(f"a.py::test[{text}]", (PASSED, Outcome(Category.FAILED, "E"))),),
    )

    failures, differences, flaky, _ = tables_of(proof_page(sample))

    assert failures[1] == [f"a.py::test[{expected}]", "failed (E)", f"{expected} a.py:1"]
    assert differences[1] == [f"a.py::test[{expected}]", "passed", "failed (E)", expected]
    assert flaky[1] == [f"a.py::test[{expected}]", "passed", "failed (E)"]


@pytest.mark.parametrize("reason", ["a|b", "<module 'x'> is not there"])
def test_the_reason_of_a_skip_is_shown_as_it_is(reason: str) -> None:
    sample = proof(differences=(difference("a.py::test", SERIAL, Outcome(Category.SKIPPED, reason), command="c"),))

    assert tables_of(proof_page(sample))[0][1][2] == f"skipped ({reason})"


def test_the_page_has_the_runs_as_a_table() -> None:
    runs = tables_of(proof_page(ONE))[-1]

    assert runs[0] == ["run", "tests", "failed", "differ", "time"]
    assert runs[1] == ["serial", "40", "0", "0", "21.2 s"]
    assert [row[0] for row in runs[1:]] == [
        "serial",
        "serial again",
        "2 modules, each alone",
        "parallel, 2 workers (fork)",
        "parallel, 4 workers (xdist)",
        "shuffled, seed 4294967295",
    ]


def test_runs_of_one_row_are_added_up() -> None:
    sample = replace(
        NONE, phases=tuple(ran(one.phase, 2.5, 3, failed=1, differences=2) for one in NONE.phases if one.phase.module)
    )

    assert tables_of(proof_page(sample))[-1][1:] == [["2 modules, each alone", "6", "2", "4", "5.00 s"]]
