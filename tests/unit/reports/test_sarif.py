"""Findings as SARIF: known again when lines have moved, within what GitHub takes, and without values."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.model.event_samples import passed, run_finished, run_started
from tests.unit.reports.proof_samples import ALL as PROOFS
from tests.unit.reports.proof_samples import FLAKY, ONE, difference, proof
from tests.unit.reports.report_schemas import json_schema
from tests.unit.reports.run_samples import GOLDENS, KILLED, MANY, SOURCES, left, places, written

from isolane.model.explanation import Explained
from isolane.model.hunt import Finding, Sort
from isolane.model.outcome import PASSED, Category, Outcome
from isolane.model.proof import Nature, Proof
from isolane.model.state import Change, Leak, Level
from isolane.reports.findings import Remark, Weight, leak_rule, remarks_of_proof
from isolane.reports.places import Place, Places
from isolane.reports.sarif import FINGERPRINT, MOST_RESULTS, sarif_log
from isolane.usecases.report import run_report, sarif_text

TWO_LEAKS = (
    left("tests/test_fares.py::test_leaks", "env", "A", Level.DANGEROUS),
    left("tests/test_fares.py::test_leaks", "env", "B", Level.DANGEROUS),
)
FAILED = Outcome(Category.FAILED, "KeyError")


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    (run,) = log["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def of_proof(sample: Proof) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(sarif_text(remarks_of_proof(sample, places())))
    json_schema("sarif").validate(log)
    return log


def told(log: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    """Return rule, level, file and line of each result."""
    found = []
    for one in results(log):
        place = one["locations"][0]["physicalLocation"]
        found.append((one["ruleId"], one["level"], place["artifactLocation"]["uri"], place["region"]["startLine"]))
    return found


@pytest.mark.parametrize("name", PROOFS)
def test_what_any_proof_has_found_is_what_the_schema_demands(name: str) -> None:
    of_proof(PROOFS[name])


def test_a_proofs_findings_are_what_they_always_were() -> None:
    golden = (GOLDENS / "proof.sarif").read_text(encoding="utf-8")

    assert sarif_text(remarks_of_proof(ONE, places())) == golden


def test_a_cause_is_shown_at_the_line_that_leaks_and_at_the_test_that_suffers() -> None:
    found = told(of_proof(ONE))

    assert found == [
        ("leak-env", "error", "tests/test_integration.py", 7),
        ("order-dependent-test", "error", "tests/test_learning.py", 1),
    ]


@pytest.mark.parametrize(
    ("nature", "rule", "level"),
    [
        (Nature.PARALLEL, "parallel-only-failure", "error"),
        (Nature.ORDER, "order-dependent-test", "error"),
        (Nature.ALONE, "order-dependent-test", "error"),
        (Nature.INTERMITTENT, "flaky-test", "warning"),
    ],
)
def test_a_difference_without_a_cause_is_told_by_its_nature(nature: Nature, rule: str, level: str) -> None:
    phase = ONE.differences[0].phase
    sample = proof(differences=(difference("a.py::test", phase, FAILED, nature=nature),))

    assert told(of_proof(sample)) == [(rule, level, "a.py", 1)]


def test_a_test_that_is_flaky_in_order_is_said_once() -> None:
    assert [rule for rule, *_ in told(of_proof(FLAKY))] == ["flaky-test", "flaky-test"]
    phase = ONE.differences[0].phase
    cause = Finding("a.py::test", Sort.FLAKY, PASSED)
    sample = proof(differences=(difference("a.py::test", phase, FAILED, nature=Nature.ORDER),), causes=(cause,))

    assert told(of_proof(sample)) == [("flaky-test", "warning", "a.py", 1)]


def test_a_brittle_test_names_what_it_needs() -> None:
    cause = Finding("a.py::test", Sort.BRITTLE, FAILED, PASSED, needed=("b.py::first", "b.py::second"))
    (found,) = results(of_proof(proof(causes=(cause,))))

    assert found["message"]["text"] == (
        "a.py::test is well only after b.py::first and b.py::second; alone it is failed (KeyError)."
    )
    assert [one["message"]["text"] for one in found["relatedLocations"]] == [
        "runs before: b.py::first",
        "runs before: b.py::second",
    ]


def test_what_an_import_leaves_is_a_finding_in_its_file_and_the_test_that_suffers_another() -> None:
    leak = Leak("module b.py", Change("env", "CITY", None, "secret"))
    cause = Finding("a.py::test", Sort.IMPORT, PASSED, FAILED, ("b.py",), carriers=(Explained(leak, True),), tried=True)
    left, found = results(of_proof(proof(causes=(cause,))))

    assert (left["ruleId"], left["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]) == ("leak-env", "b.py")
    assert found["ruleId"] == "import-dependent-test"
    assert found["message"]["text"] == (
        "a.py::test ends failed (KeyError) where b.py is imported, too; with its own file alone it ends passed."
    )
    assert [one["message"]["text"] for one in found["relatedLocations"]] == ["imported: b.py"]


def test_no_value_is_told() -> None:
    assert "secret" in str(MANY)
    assert "secret" not in written("sarif", MANY)
    assert "Kolkata" not in json.dumps(of_proof(ONE))


def test_a_finding_is_known_again_when_its_line_has_moved() -> None:
    moved = places(sources={name: f"\n\n{text}" for name, text in SOURCES.items()})
    run = (run_started(), passed("tests/test_fares.py::test_leaks", leaks=TWO_LEAKS), run_finished())

    def found(where: Places) -> list[tuple[str, int]]:
        log = json.loads(run_report("sarif", run, where))
        return [
            (one["partialFingerprints"][FINGERPRINT], one["locations"][0]["physicalLocation"]["region"]["startLine"])
            for one in results(log)
        ]

    assert [mark for mark, _ in found(places())] == [mark for mark, _ in found(moved)]
    assert [line + 2 for _, line in found(places())] == [line for _, line in found(moved)]


def test_two_changes_of_one_container_are_one_finding_and_two_variables_two() -> None:
    leaks = (
        *TWO_LEAKS,
        left("a.py::test", "module_globals", "fares.cache['a']", Level.SUSPECT),
        left("a.py::test", "module_globals", "fares.cache['b']", Level.SUSPECT),
    )
    log = json.loads(written("sarif", (run_started(), passed("a.py::test", leaks=leaks), run_finished())))

    assert [rule for rule, *_ in told(log)] == ["leak-env", "leak-env", "leak-module-globals"]


def test_a_run_that_did_not_come_to_its_end_says_so() -> None:
    (whole,), (torn,) = (json.loads(written("sarif", run))["runs"] for run in (MANY, KILLED))

    assert whole["invocations"] == [{"executionSuccessful": True}]
    assert torn["invocations"] == [{"executionSuccessful": False}]


def remark(number: int, weight: Weight = Weight.NOTE) -> Remark:
    name = f"a.py::test_{number}_{'x' * 5_000}"
    return Remark(leak_rule("env"), weight, f"{name} leaves env TZ behind.", Place("a.py", number + 1), (name,))


def test_of_too_many_findings_the_worst_stay_and_the_file_is_small_enough() -> None:
    remarks = [remark(number) for number in range(MOST_RESULTS + 7)]
    remarks[-1] = replace(remarks[-1], weight=Weight.ERROR)

    log = sarif_log(remarks, whole=True)

    assert len(results(log)) == MOST_RESULTS
    assert log["runs"][0]["properties"] == {"leftOut": 7}
    assert results(log)[0]["level"] == "error"
    assert len(gzip.compress(json.dumps(log, indent=1).encode())) < 10_000_000


def test_every_rule_and_place_has_what_github_demands() -> None:
    log = json.loads(written("sarif", MANY))
    rules = log["runs"][0]["tool"]["driver"]["rules"]

    for rule in rules:
        assert rule["help"]["text"]
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert len(rule["name"]) <= 255
        assert len(rule["properties"]["tags"]) <= 10
    for one in results(log):
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert len(one["message"]["text"]) <= 1_000
        region = one["locations"][0]["physicalLocation"]["region"]
        assert set(region) == {"startLine", "startColumn", "endLine", "endColumn"}


def test_a_file_is_named_as_a_uri() -> None:
    run = (run_started(), passed("tests/caf\udce9 1.py::test", leaks=TWO_LEAKS[:1]), run_finished())
    placed = replace(remark(0), place=Place("tests/caf\udce9 é 1.py"))

    assert told(sarif_log([placed], whole=True))[0][2] == "tests/caf%E9%20%C3%A9%201.py"
    assert written("sarif", run)
