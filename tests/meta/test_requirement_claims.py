"""Every requirement has a test that claims it, and every claim a requirement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (?P<id>[A-Z][A-Za-z0-9.-]*) \| (?P<text>.+) \|$", re.MULTILINE)


def rows() -> dict[str, str]:
    text = (CHECKOUT / "docs" / "requirements.md").read_text(encoding="utf-8")
    found = [(match["id"], match["text"]) for match in ROW.finditer(text) if match["id"] != "ID"]
    assert len({row for row, _ in found}) == len(found), "an ID stands twice"
    return dict(found)


def test_files() -> list[Path]:
    return [path for folder in ("tests", "examples") for path in sorted((CHECKOUT / folder).rglob("*.py"))]


test_files.__test__ = False  # type: ignore[attr-defined]


def claims(source: str) -> Iterator[str]:
    """Yield the IDs of all ``pytest.mark.req(...)`` in a module, however they are attached."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
            yield from (one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str))


def claimed() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in test_files():
        for row in claims(path.read_text(encoding="utf-8")):
            found.setdefault(row, set()).add(str(path.relative_to(CHECKOUT)))
    return found


def test_the_list_is_whole() -> None:
    assert len(rows()) >= 100
    assert {"PY-006-OPT", "R1.1", "AC1", "BO-2", "PC1", "F7"} <= rows().keys()


def test_every_due_row_is_claimed() -> None:
    due = {row for row, text in rows().items() if not re.search(r"\blater\b", text)}

    assert due - claimed().keys() == set()


def test_every_claim_is_a_row() -> None:
    strangers = {row: sorted(files) for row, files in claimed().items() if row not in rows()}

    assert strangers == {}


@pytest.mark.parametrize(
    "source",
    [
        "@pytest.mark.req('R1.1')\ndef test_a(): ...",
        "pytestmark = [pytest.mark.req('R1.1')]",
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.req('R1.1'))])\ndef test_a(x): ...",
    ],
)
def test_claims_are_found_however_they_are_attached(source: str) -> None:
    assert list(claims(source)) == ["R1.1"]
