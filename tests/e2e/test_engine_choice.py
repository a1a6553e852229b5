"""Which engine the verbs run their workers with, and how they say so."""

from __future__ import annotations

import pytest

TWO_TESTS = {"test_one.py": "def test_a(): pass\ndef test_b(): pass\n"}
A_THREAD = {
    "conftest.py": """
        import threading

        over = threading.Event()

        def pytest_collection_finish():
            threading.Thread(target=over.wait, name="waits", daemon=True).start()

        def pytest_unconfigure():
            over.set()
    """
}
ONLY_IN_WORKERS = {
    "test_one.py": """
        import os

        def test_b():
            assert "PYTEST_XDIST_WORKER" not in os.environ
    """,
}
FAST = ("-n", "2", "--seeds", "1", "--no-hunt")


def engines(ended) -> dict[str, str]:
    return {one["name"]: one["engine"] for one in ended.data["phases"]}


def test_a_proof_says_which_engine_each_run_had(project):
    ended = project.write(TWO_TESTS).isolane("prove", *FAST, "--engine", "xdist", "--json")
    assert ended.code == 0, ended.text
    ran = engines(ended)
    assert ran.pop("parallel, 2 workers") == "xdist"
    assert set(ran.values()) == {"serial"}
    assert "| parallel, 2 workers (xdist) |" in (project.path / "reports/proof.md").read_text()


def test_what_cannot_be_forked_is_run_by_xdist_and_the_proof_says_so(project):
    """The log has two headers then: fork was begun with, and the thread is seen when everything is collected."""
    ended = project.write(TWO_TESTS | A_THREAD).isolane("prove", *FAST)
    assert ended.code == 0, ended.text
    assert "parallel, 2 workers (xdist): 2 tests" in ended.err
    assert "parallel, 2 workers (xdist)  " in ended.out


@pytest.mark.parametrize("verb", [("prove", *FAST), ("stress", "2", "-n", "2"), ("run", "-n", "2")])
def test_fork_is_not_replaced_where_it_is_asked_for(project, verb):
    ended = project.write(TWO_TESTS | A_THREAD).isolane(*verb, "--engine", "fork")
    assert ended.code == 4, ended.text
    assert "--isolane-engine=fork is not possible here: thread 'waits' alive before the first fork" in ended.text
    assert "Traceback" not in ended.text


def test_a_project_that_wants_no_workers_of_its_own_is_proven_with_them(project):
    project.write(ONLY_IN_WORKERS | {"pytest.ini": "[pytest]\nisolane_engine = serial\n"})
    ended = project.isolane("prove", *FAST, "--json")
    assert engines(ended)["parallel, 2 workers"] == "fork"
    assert "| parallel, 2 workers (fork) |" in (project.path / "reports/proof.md").read_text()
    (found,) = ended.data["differences"]
    assert (found["nature"], found["shown_again"]) == ("only in parallel", True)
    assert "--isolane-engine fork" in found["command"]


def test_forked_workers_need_no_xdist_in_the_project_and_the_command_brings_isolane(project, other_python):
    ended = project.write(ONLY_IN_WORKERS).isolane(
        "prove", *FAST, "--json", "--python", other_python, PYTEST_ADDOPTS=""
    )
    assert engines(ended)["parallel, 2 workers"] == "fork"
    (found,) = ended.data["differences"]
    assert (found["nature"], found["shown_again"]) == ("only in parallel", True)
    assert " run " in found["command"]
    assert "-n 2" in found["command"]


def test_bench_and_stress_record_the_engine_that_was_asked_for(project):
    project.write(TWO_TESTS)
    assert project.isolane("bench", "--workers", "2", "--pairs", "1", "--engine", "xdist").code == 0
    assert project.isolane("stress", "1", "-n", "2").code == 0
    assert [run.header.engine for run in project.runs() if run.header.workers] == ["fork", "xdist"]
