"""What the gate says, and how figures are written."""

from __future__ import annotations

import pytest

from isolane.planning.gate import GateDecision
from isolane.reports.figures import cell, code_cell, seconds_text
from isolane.reports.gate_text import gate_lines

FACTS = ("3 parallel runs against 1 serial", "parallel / serial time 0.50")


def test_keep_is_one_word_and_what_it_was_made_from() -> None:
    assert list(gate_lines(GateDecision(True, (), FACTS, ()))) == [
        "keep",
        "  3 parallel runs against 1 serial, parallel / serial time 0.50",
    ]


def test_rolling_back_says_how_why_and_which_tests() -> None:
    decision = GateDecision(False, ("it is slow", "it is flaky"), FACTS, ("a::one", "a::two"))

    assert list(gate_lines(decision)) == [
        "roll back to serial (PYTEST_WORKERS=1): it is slow; it is flaky",
        "  3 parallel runs against 1 serial, parallel / serial time 0.50",
        "  a::one",
        "  a::two",
    ]


@pytest.mark.parametrize(("count", "last"), [(10, "  t9"), (11, "  … and 1 more"), (30, "  … and 20 more")])
def test_ten_tests_are_named_and_the_others_counted(count: int, last: str) -> None:
    lines = list(gate_lines(GateDecision(False, ("why",), FACTS, tuple(f"t{number}" for number in range(count)))))

    assert lines[2:12] == [f"  t{number}" for number in range(10)]
    assert lines[-1] == last
    assert len(lines) == (12 if count == 10 else 13)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 s"),
        (0.1234, "0.12 s"),
        (9.99, "9.99 s"),
        (10.0, "10.0 s"),
        (12.34, "12.3 s"),
        (59.9, "59.9 s"),
        (60.0, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (119.7, "2 min 00 s"),
        (3661.0, "61 min 01 s"),
    ],
)
def test_a_duration_as_people_read_it(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "in_a_cell", "as_code"),
    [
        ("", "", ""),
        ("plain", "plain", "`plain`"),
        ("a|b", "a\\|b", "`a\\|b`"),
        ("two\nlines", "two lines", "`two lines`"),
        ("<x>", "&lt;x>", "`<x>`"),
        ("a`b``c", "a`b``c", "``` a`b``c ```"),
    ],
)
def test_text_in_a_table(text: str, in_a_cell: str, as_code: str) -> None:
    assert cell(text) == in_a_cell
    assert code_cell(text) == as_code
