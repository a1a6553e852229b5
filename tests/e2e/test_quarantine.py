"""Quarantined tests run, are told of, and do not decide: under every engine, also where they take their worker down."""

from __future__ import annotations

from typing import Any

import pytest

ENTRY = """
[[quarantine]]
test = "{test}"
reason = "a race"
owner = "core"
expiry = {expiry}
"""
SUITE = {
    "test_a.py": """
        import os
        import pytest

        def test_well(): pass

        @pytest.mark.parametrize("number", [1, 2])
        def test_flaky(number): assert number == 1, "it raced"

        def test_crashes():
            if "CRASH" in os.environ: os._exit(3)
    """,
    "isolane.quarantine.toml": ENTRY.format(test="test_a.py::test_flaky", expiry="2999-12-31")
    + ENTRY.format(test="test_a.py::test_crashes", expiry="2999-12-31"),
}


@pytest.mark.parametrize(
    "words", [(), ("-x",), ("-n", "2", "-x"), ("-n", "2", "--isolane-engine", "xdist")], ids=" ".join
)
def test_it_runs_is_told_of_and_does_not_decide(project: Any, words: tuple[str, ...]) -> None:
    ended = project.write(SUITE).pytest(*words)
    assert ended.code == 0, ended.text
    assert "3 passed, 1 quarantined" in ended.out
    assert "test_a.py::test_flaky[2] failed, and does not decide: AssertionError: it raced" in ended.out
    assert "  until 2999-12-31, core: a race" in ended.out


def test_a_worker_that_it_takes_down_does_not_decide_either(project: Any) -> None:
    ended = project.write(SUITE).pytest("-n", "2", CRASH="1")
    assert ended.code == 0, ended.text
    assert "2 passed, 2 quarantined" in ended.out


def test_another_test_and_an_expired_entry_decide(project: Any) -> None:
    expired = ENTRY.format(test="test_a.py::test_flaky", expiry="2001-12-31")
    ended = project.write(SUITE | {"isolane.quarantine.toml": expired}).pytest()
    assert ended.code == 1
    assert "test_a.py::test_flaky decides again: its entry has expired on 2001-12-31 (core: a race)" in ended.out


def test_a_bad_file_is_one_line_and_exit_code_4(project: Any) -> None:
    project.write(SUITE | {"isolane.quarantine.toml": "[[quarantine]]\ntest = 'a'\n"})
    line = "isolane.quarantine.toml has in entry 1 no reason. docs/testing.md shows how it is written. [bad-quarantine]"
    for ended in (project.pytest(), project.isolane("quarantine", "check"), project.isolane("stress", "1")):
        assert ended.code == 4, ended.text
        assert [one for one in ended.err.splitlines() if one.strip()][-1].endswith(line)


def test_stress_shows_their_failures_and_does_not_decide_by_them(project: Any) -> None:
    project.write(SUITE)
    ended = project.isolane("stress", "2", "-n", "1", "--json")
    assert ended.code == 0, ended.text
    (found,) = ended.data["misbehaving"]
    assert (found["node_id"], found["failures"], found["quarantined"]) == ("test_a.py::test_flaky[2]", 2, True)
    assert (ended.data["failed_runs"], ended.data["upper_bound"]) == (0, None)
    checked = project.isolane("quarantine", "check")
    assert checked.code == 0, checked.text
    assert "failed in 2 of 2 runs on record, the last among them" in checked.out
    added = project.isolane("quarantine", "add", "test_a.py::test_well", "--reason", "none")
    assert added.code == 4
    assert "add wants a test, --reason and --owner." in added.err
