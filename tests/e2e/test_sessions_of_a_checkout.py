"""Two runs in one checkout at the same time: each counts its own, or says who has what."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from throwaway_project import Project

SUITE = {
    "code.py": "def a():\n    return 1\n\n\ndef b():\n    return 2\n",
    "test_a.py": """
        import code_under_test

        def test_a(request):
            home = request.config.rootpath
            (home / "began").write_text("")
            (home / "go").read_text()
            assert code_under_test.a() == 1
    """,
    "test_b.py": "import code_under_test\ndef test_b(): assert code_under_test.b() == 2\n",
}
COVERAGE = ("-n", "2", "--cov=code_under_test", "--cov-report=term-missing")


@pytest.fixture
def suite(project: Project) -> Project:
    files = dict(SUITE)
    files["code_under_test.py"] = files.pop("code.py")
    # test_a says by the one that it has begun, and goes on when it hears of the other.
    for pipe in ("began", "go"):
        os.mkfifo(project.path / pipe)
    return project.write(files)


@pytest.mark.req("S2.1")
@pytest.mark.req("F3")
def test_each_run_counts_its_own_coverage_or_says_who_is_in_the_way(suite: Project) -> None:
    with suite.start("pytest", *COVERAGE, "test_a.py") as first:
        (suite.path / "began").read_text()
        refused = suite.pytest(*COVERAGE, "test_b.py", "--isolane-conflict=fail")
        with suite.start("pytest", *COVERAGE, "test_b.py") as second:
            assert second.stderr is not None
            said = second.stderr.readline()
            (suite.path / "go").write_text("")
            second_out, _ = second.communicate(timeout=60)
        first_out, _ = first.communicate(timeout=60)
    who = rf"isolane: {suite.path}/.coverage is held by session \S+-parallel-\w+ since 20\S+ \S+ UTC"
    assert refused.code == 4
    assert re.search(rf"^ERROR: {who}\. Wait for it", refused.err, re.MULTILINE)
    assert re.match(rf"{who}; waiting for up to 300 s$", said)
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.search(r"^code_under_test.py .* 75%   6$", first_out, re.MULTILINE)
    assert re.search(r"^code_under_test.py .* 75%   2$", second_out, re.MULTILINE)
    assert len(suite.runs()) == 2
    listed = suite.isolane("sessions", "--json").data
    assert [one["state"] for one in listed] == ["completed", "failed", "completed"]
    assert ".coverage is held by session" in listed[1]["reason"]


@pytest.mark.req("F3")
@pytest.mark.parametrize(
    ("words", "file"),
    [
        (("pytest", "--isolane-record=off", "--junitxml=report.xml"), "report.xml"),
        (("coverage", "run", "-m", "pytest"), ".coverage"),
    ],
    ids=["not recorded", "coverage run"],
)
def test_a_run_that_is_not_recorded_has_its_files_to_itself(suite: Project, words: tuple[str, ...], file: str) -> None:
    # Where the suite of this test is measured, each process would have data of its own.
    for name in ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG"):
        suite.environment.pop(name, None)
    with suite.start(*words, "test_a.py") as first:
        (suite.path / "began").read_text()
        (listed,) = suite.isolane("sessions", "--json").data
        refused = suite.module(*words, "test_b.py", "--isolane-conflict=fail")
        (suite.path / "go").write_text("")
        first.communicate(timeout=60)
    after = suite.module(*words, "test_b.py", "--isolane-conflict=fail")

    assert listed["state"] == "running"
    assert (first.returncode, refused.code, after.code) == (0, 4, 0), refused.text + after.text
    assert f"isolane: {suite.path}/{file} is held by session {listed['session_id']} since" in refused.err
    assert not suite.runs()
    assert [one["state"] for one in suite.isolane("sessions", "--json").data] == ["failed"]  # the one that was refused


@pytest.mark.req("F7")
def test_a_run_is_listed_and_cancelled(suite: Project) -> None:
    with suite.start("pytest", "-n", "2", "test_a.py") as run:
        (suite.path / "began").read_text()
        (listed,) = suite.isolane("sessions", "--json").data
        seen = suite.isolane("top", "--json").data
        ended = suite.isolane("cancel", listed["session_id"])
        out, _ = run.communicate(timeout=60)
    assert listed["state"] == "running"
    assert seen["tasks"] == {"queued": 0, "completed": 0, "failed": 0}
    assert [one["node_id"] for one in seen["runs"][0]["running"]] == ["test_a.py::test_a"]
    assert seen["runs"][0]["session"] == listed["session_id"]
    assert (ended.code, run.returncode) == (0, 2), out
    assert ended.out.startswith(f"Session {listed['session_id']} is cancelled at ")
    (record,) = (suite.path / ".isolane" / "sessions").glob("*.json")
    assert json.loads(record.read_text())["reason"] == "interrupted"
    assert suite.runs()[0].end is not None


def test_a_run_that_a_test_starts_does_not_wait_for_it(project: Project) -> None:
    project.write(
        {
            "test_outer.py": """
                import subprocess, sys

                def test_outer():
                    inner = [sys.executable, "-m", "pytest", "--junitxml=r.xml", "--isolane-record=on", "inner.py"]
                    assert subprocess.run(inner).returncode == 0
            """,
            "inner.py": "def test_inner(): pass\n",
        }
    )
    ended = project.pytest("--junitxml=r.xml", "--isolane-record=on", "--isolane-conflict=fail")
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_live_view_tells_failures_as_they_come_and_then_pytest_all_the_rest(project: Project, workers: str) -> None:
    """The second test waits until the failure of the first has been printed by the process that watches."""
    project.write(
        {
            "test_live.py": """
                def test_1(): assert 1 == 2
                def test_2(request): (request.config.rootpath / "told").read_text()
            """
        }
    )
    os.mkfifo(project.path / "told")
    with project.start("pytest", "-n", workers, "--isolane-live", stderr=subprocess.STDOUT) as run:
        assert run.stdout is not None
        lines = []
        for line in run.stdout:
            lines.append(line)
            if line == "isolane: failed: test_live.py::test_1: assert 1 == 2\n":
                (project.path / "told").write_text("")
        assert run.wait(60) == 1
    said = "".join(lines)
    assert said.index("isolane: failed:") < said.index("= FAILURES =") < said.index("1 failed, 1 passed")
    assert len(project.runs()) == 1
