"""The manifest itself, and its reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from downstream_suites import KnownDifference, Suite, read_manifest

SUITES = read_manifest()
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+( ; .+)?")
NAMED_IN_THE_ISSUE = {"jinja2", "marshmallow", "more-itertools", "structlog", "click"}

SMALLEST = """
common-requirements = ["pytest==9.2.0"]
[[suite]]
name = "tiny"
version = "1.0"
sha256 = "{sha256}"
special = ""
quick = true
seconds = 10
arguments = ["tests"]
requirements = []
{more}
"""


def read(tmp_path: Path, more: str = "expected = { tests = 1 }", sha256: str = "0" * 64) -> Suite:
    path = tmp_path / "suites.toml"
    path.write_text(SMALLEST.format(more=more, sha256=sha256), encoding="utf-8")
    return read_manifest(path)[0]


def test_at_least_fifteen_suites_with_the_named_ones() -> None:
    names = [suite.name for suite in SUITES]
    assert len(set(names)) == len(names) >= 15
    assert set(names) >= NAMED_IN_THE_ISSUE


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_every_requirement_is_an_exact_pin(suite: Suite) -> None:
    loose = [line for line in suite.requirements if not PIN.fullmatch(line)]
    assert loose == []
    assert {"pytest", "pip"} <= {line.partition("==")[0] for line in suite.requirements}


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
def test_a_verdict_other_than_proven_says_why(suite: Suite) -> None:
    if suite.verdicts == ("proven",):
        assert suite.differences == ()
    else:
        assert suite.reason
        assert suite.differences


def test_defaults(tmp_path: Path) -> None:
    suite = read(tmp_path)
    assert suite.verdicts == ("proven",)
    assert suite.requirements == ("pytest==9.2.0",)
    assert suite.python == (3, 11)


@pytest.mark.parametrize(
    ("more", "sha256", "message"),
    [
        ('expected = { tests = 1, verdict = "perhaps" }', "0" * 64, "perhaps"),
        ("expected = { tests = 1 }\nunknown = 1", "0" * 64, "unknown"),
        ("", "0" * 64, "tests"),
        ("expected = { tests = 1 }", "12", "2 digits"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(tmp_path: Path, more: str, sha256: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"tiny.*{message}"):
        read(tmp_path, more, sha256)


def test_a_known_difference_takes_brackets_as_they_are() -> None:
    known = KnownDifference(tests=("tests/a.py::test_x[*]",), why="", phases=("shuffled",), always=True)
    assert known.covers("tests/a.py::test_x[a-1]", "shuffled")
    assert not known.covers("tests/a.py::test_xa", "shuffled")
    assert not known.covers("tests/a.py::test_x[a-1]", "parallel")


def test_an_unknown_phase_is_refused(tmp_path: Path) -> None:
    difference = '{ tests = ["*"], why = "", phases = ["sideways"], always = true }'
    with pytest.raises(ValueError, match=r"tiny.*sideways"):
        read(tmp_path, f"expected = {{ tests = 1, differences = [{difference}] }}")
