"""Real suites end in the verdict that was found by hand, with plain pytest (docs/downstream.md)."""

from __future__ import annotations

import sys

import pytest
from downstream_preparation import cache_folder, prepare
from downstream_proof import ProofRun, failing_in, prove
from downstream_suites import Suite, read_manifest

EXIT_CODES = {"proven": 0, "not proven": 1, "inconclusive": 1}


def parameter(suite: Suite) -> object:
    marks = [pytest.mark.timeout(suite.seconds)]
    if not suite.quick:
        marks.append(pytest.mark.slow)
    if sys.version_info < suite.python:
        oldest = ".".join(map(str, suite.python))
        marks.append(pytest.mark.skip(reason=f"{suite.name} {suite.version} is pinned for Python {oldest} and newer"))
    return pytest.param(suite, id=suite.name, marks=marks)


@pytest.mark.downstream
@pytest.mark.parametrize("suite", [parameter(suite) for suite in read_manifest()])
def test_a_real_suite_gets_its_true_verdict(suite: Suite) -> None:
    cache = cache_folder()
    proof = prove(prepare(suite, cache), cache / "reports" / suite.name)
    print(proof.output)

    assert proof.data, "there is no proof.json"
    assert proof.data["verdict"] in suite.verdicts
    assert proof.exit_code == EXIT_CODES[proof.data["verdict"]]
    assert proof.data["tests"]["total"] == suite.tests
    assert proof.unknown == []
    for known in suite.differences:
        seen = proof.seen_of(known)
        assert seen or not known.always, f"nothing differs: {known}"
        assert not known.count or len(seen) == known.count
    check_first_command(proof)


def check_first_command(proof: ProofRun) -> None:
    """Run the command that the proof prints first, as a person would, and look for the failures it promises."""
    promised = [one for one in proof.seen if one.shown_again and one.outcome in ("failed", "error in setup")]
    if promised:
        command = promised[0].command
        of_this_command = {one.node_id for one in promised if one.command == command}
        assert of_this_command <= set(failing_in(command, proof.suite)), command
