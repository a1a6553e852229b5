"""What GitHub Actions is told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.event_samples import ended, run_started
from tests.unit.reports.run_samples import CLEAN, FARES, INTERRUPTED, MANY, places

from isolane.model.outcome import Category
from isolane.reports.cases import cases_of
from isolane.reports.github import MOST, Annotation, annotations_of_run, run_summary, workflow_commands
from isolane.reports.places import Place

COMMAND = re.compile(r"::(error|warning) ([^:]*)::(.*)")
MEANS = {"%25": "%", "%0A": "\n", "%0D": "\r", "%3A": ":", "%2C": ","}


def read(line: str) -> tuple[str, dict[str, str], str]:
    """Return what GitHub's runner takes a line for: level, properties, message."""
    match = COMMAND.fullmatch(line)
    assert match, line
    properties = dict(one.split("=", 1) for one in match[2].split(","))
    return match[1], {name: unescaped(value) for name, value in properties.items()}, unescaped(match[3])


def unescaped(text: str) -> str:
    return re.sub("|".join(MEANS), lambda match: MEANS[match[0]], text)


def commands(events: object) -> list[tuple[str, dict[str, str], str]]:
    return [read(one) for one in workflow_commands(annotations_of_run(cases_of(events), places()))]  # type: ignore[arg-type]


def test_a_failure_is_shown_where_it_was_and_else_at_the_test() -> None:
    found = {properties["title"]: (level, properties, text) for level, properties, text in commands(MANY)}

    (odd,) = (one for title, one in found.items() if "TestZone" in title)
    assert odd[1]["file"] == FARES
    assert odd[1]["line"] == "12"
    assert odd[2] == r"ValueError: \x1b[31mred\x1b[0m ]]> \udce9"
    level, properties, _ = found["tests/test_routes.py::test_setup error in setup (OSError)"]
    assert (level, properties["file"], properties["line"]) == ("error", "tests/test_routes.py", "1")
    assert found["tests/test_broken.py cannot be collected"][1]["file"] == "tests/test_broken.py"
    assert found[f"{FARES}::test_flaky passed only at attempt 2"][0] == "warning"


def test_no_more_than_github_takes_and_the_last_one_says_how_many_are_left() -> None:
    run = (run_started(), *(ended(f"a.py::test_{number}", Category.FAILED) for number in range(25)))
    found = commands(run)

    assert len(found) == MOST
    assert found[-1][1]["title"] == "and 16 more"
    assert commands(run[: MOST + 1])[-1][1]["title"] == f"a.py::test_{MOST - 1} failed"


def test_where_all_is_well_nothing_is_said() -> None:
    assert commands(CLEAN) == []
    assert run_summary(cases_of(CLEAN)) == ""


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_is_said_stays_one_command(title: str, text: str) -> None:
    (line,) = workflow_commands([Annotation("error", title, text, Place("a,b:c.py", 7))])
    level, properties, message = read(line)

    assert "\n" not in line
    assert "\r" not in line
    assert (level, properties["file"], properties["line"]) == ("error", "a,b:c.py", "7")
    if (title + text).isprintable():
        assert (properties["title"], message) == (title, text)


@pytest.mark.parametrize("words", ["### 6 failed", "### 1 flaky", "`AssertionError: assert 1 == 2`", "not collected"])
def test_the_summary_lists_what_failed_and_what_is_flaky(words: str) -> None:
    assert words in run_summary(cases_of(MANY))


def test_the_summary_is_cut_and_says_so() -> None:
    run = cases_of((run_started(), *(ended(f"a.py::test_{number}", Category.FAILED) for number in range(70))))

    assert run_summary(run).count("| `a.py::test_") == 50
    assert "and 20 more" in run_summary(run)


def test_the_summary_says_that_a_run_is_not_whole() -> None:
    assert run_summary(cases_of(INTERRUPTED)).startswith("**The run was interrupted.**")
