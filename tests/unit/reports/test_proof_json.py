"""A proof as data: what is written is what the schema and its document say."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.unit.reports.proof_samples import ALL, FLAKY, MANY, NONE, ONE, proof

from isolane.model.hunt import Finding, Sort
from isolane.model.outcome import BAD, PASSED, Category, Outcome
from isolane.model.proof import SCHEMA, Failure, Nature, PhaseKind, Proof, Verdict
from isolane.reports.proof_json import proof_as_data

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def schema() -> Any:
    return json.loads((DOCS / "proof.schema.json").read_text(encoding="utf-8"))


def written(sample: Proof) -> Any:
    """Return what a reader of the file gets."""
    return json.loads(json.dumps(proof_as_data(sample)))


def property_names(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema.get("properties", {})
    for part in (*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()):
        yield from property_names(part)


def strict(part: Any) -> Any:
    """Return a schema that takes no field it does not name; readers of later versions must."""
    if isinstance(part, list):
        return [strict(one) for one in part]
    if not isinstance(part, dict):
        return part
    closed = {name: strict(one) for name, one in part.items()}
    return {"additionalProperties": False, **closed} if "properties" in part and "type" in part else closed


def problems(data: Any, schema: Any) -> list[tuple[str, str]]:
    """Return what is wrong: where it is, and which of the schema's words says so."""
    found = jsonschema.Draft202012Validator(strict(schema)).iter_errors(data)
    return [(error.json_path, str(error.validator)) for error in found]


@pytest.mark.parametrize("name", ALL)
def test_what_is_written_is_what_the_schema_says(name: str, schema: Any) -> None:
    assert problems(written(ALL[name]), schema) == []


@pytest.mark.parametrize("sort", Sort)
def test_each_sort_of_cause_is_in_the_schema(sort: Sort, schema: Any) -> None:
    sample = proof(causes=(Finding("a.py::test", sort, PASSED, needed=("b.py",)),))
    assert problems(written(sample), schema) == []


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda data: data.pop("verdict"), ("$", "required")),
        (lambda data: data.update(schema=2), ("$.schema", "const")),
        (lambda data: data.update(verdict="perhaps"), ("$.verdict", "enum")),
        (lambda data: data.update(seconds="1"), ("$.seconds", "type")),
        (lambda data: data.update(seconds=True), ("$.seconds", "type")),
        (lambda data: data.update(seconds=-1), ("$.seconds", "minimum")),
        (lambda data: data.update(started="2026-01-02"), ("$.started", "pattern")),
        (lambda data: data.update(colour="red"), ("$", "additionalProperties")),
        (lambda data: data.update(phases=[]), ("$.phases", "minItems")),
        (lambda data: data["phases"][0].update(seed="7"), ("$.phases[0].seed", "type")),
        (lambda data: data["differences"][0]["found"].pop("detail"), ("$.differences[0].found", "required")),
        (lambda data: data["tests"].update(lost=1), ("$.tests", "additionalProperties")),
    ],
)
def test_what_is_not_as_the_schema_says_would_be_seen(
    spoil: Callable[[Any], object], problem: tuple[str, str], schema: Any
) -> None:
    data = copy.deepcopy(written(ONE))
    spoil(data)

    assert problems(data, schema) == [problem]


def test_the_schema_knows_every_word_of_the_model(schema: Any) -> None:
    parts, properties = schema["$defs"], schema["properties"]

    assert properties["schema"] == {"const": SCHEMA}
    assert set(properties["verdict"]["enum"]) == {one.value for one in Verdict}
    assert set(parts["category"]["enum"]) == {one.value for one in Category}
    assert set(parts["failure"]["properties"]["outcome"]["enum"]) == {one.value for one in BAD}
    assert set(parts["phase"]["properties"]["kind"]["enum"]) == {one.value for one in PhaseKind}
    assert set(parts["difference"]["properties"]["nature"]["enum"]) == {one.value for one in Nature}
    counted = {one.value for one in Category if one is not Category.MISSING}
    assert set(properties["tests"]["properties"]) == {"total"} | counted


def test_every_field_is_needed_and_every_part_is_used(schema: Any) -> None:
    for part in (schema, *(one for one in schema["$defs"].values() if "properties" in one)):
        assert set(part["required"]) == set(part["properties"])
    text = json.dumps(schema)
    for name in schema["$defs"]:
        assert f"#/$defs/{name}" in text


def test_the_document_explains_every_field_and_every_word(schema: Any) -> None:
    document = (DOCS / "proof-json.md").read_text(encoding="utf-8")
    explained = {
        word for row in re.findall(r"^\| (`.*?) \|", document, re.MULTILINE) for word in re.findall(r"`(.+?)`", row)
    }

    assert set(property_names(schema)) <= explained
    for enum in (Verdict, Category, PhaseKind, Nature):
        for one in enum:
            assert f"`{one.value}`" in document
    assert f"| {SCHEMA} |" in document


def test_nothing_of_the_proof_is_left_out() -> None:
    left_out = {item.name for item in fields(Proof)} - written(NONE).keys()

    assert left_out == {"counts", "reports"}  # counts are in tests; where reports go is no finding


def test_a_proven_suite() -> None:
    data = written(NONE)

    assert data["verdict"] == "proven"
    assert data["reason"] == "every test ended the same way in every run"
    assert data["confidence"].startswith("each test ran 6 times")
    assert data["tests"] == {"total": 40, "passed": 38, "skipped": 2}
    assert data["started"] == "2026-01-02T03:04:05.250000+00:00"
    assert data["seconds"] == 138.256
    assert data["arguments"] == ["tests"]
    assert data["hash_seed"] == 0
    assert data["revision"] == "0123456789abcdef0123456789abcdef01234567"
    assert data["failures"] == data["checks"] == data["differences"] == data["flaky"] == data["notes"] == []
    assert [one["name"] for one in data["phases"]] == [
        "serial",
        "serial again",
        "alone: tests/test_learning.py",
        "alone: tests/test_integration.py",
        "parallel, 2 workers",
        "parallel, 4 workers",
        "shuffled, seed 4294967295",
    ]
    assert data["phases"][6] == {
        "name": "shuffled, seed 4294967295",
        "kind": "shuffled",
        "workers": 0,
        "engine": "serial",
        "seed": 4294967295,
        "module": None,
        "seconds": 22.0,
        "tests": 40,
        "failed": 0,
        "exit_code": 0,
        "differences": 0,
        "run": "20260102T030405.000000-shuffled",
    }
    assert (data["phases"][2]["kind"], data["phases"][2]["module"]) == ("module alone", "tests/test_learning.py")
    assert (data["phases"][5]["kind"], data["phases"][5]["workers"]) == ("parallel", 4)


def test_a_difference_and_a_failure_apart_from_it() -> None:
    data = written(ONE)

    assert data["differences"] == [
        {
            "node_id": "tests/test_learning.py::test_mean[a: b]",
            "phase": "shuffled, seed 4294967295",
            "expected": {"outcome": "passed", "detail": ""},
            "found": {"outcome": "failed", "detail": "AssertionError"},
            "message": "AssertionError: assert 3 == 2",
            "location": "tests/test_learning.py:12",
            "nature": "depends on the order",
            "command": "cd /project && .venv/bin/python -m pytest --isolane-seed 4294967295 tests",
            "shown_again": True,
            "missing": 0,
        }
    ]
    assert data["failures"] == [
        {
            "node_id": "tests/test_learning.py::test_known",
            "outcome": "failed",
            "detail": "KeyError",
            "message": "KeyError: 'stop|7'",
            "location": "tests/test_learning.py:31",
        }
    ]
    assert [one["differences"] for one in data["checks"]] == [1]


def test_a_flaky_baseline_has_both_outcomes_in_their_order() -> None:
    assert written(FLAKY)["flaky"][0] == {
        "node_id": "tests/test_learning.py::test_clock",
        "outcomes": [{"outcome": "passed", "detail": ""}, {"outcome": "failed", "detail": "KeyError"}],
    }


def test_notes_and_a_project_outside_git() -> None:
    data = written(MANY)

    assert data["revision"] is None
    assert data["notes"] == list(MANY.notes)
    assert len(data["differences"]) == len(MANY.differences)


def test_any_text_can_be_written_and_read_again() -> None:
    odd = 'tests/caf\udce9.py::test["\n\x00\u2028]'
    data = written(proof(failures=(Failure(odd, Outcome(Category.HUNG), "", ""),)))

    assert data["failures"][0]["node_id"] == odd
