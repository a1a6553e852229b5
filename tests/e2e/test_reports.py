"""What a real run leaves for other tools: the leaks and retries in its record, and what GitHub is told by itself."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from throwaway_project import QUICK, Project

from isolane.usecases.report import ReportRequest, report

SUITE = {
    "conftest.py": "import os\nos.environ['AT_IMPORT'] = '1'\n",
    "tests/test_fares.py": """
        import os

        tries = []

        def test_flaky():
            tries.append(1)
            assert len(tries) > 1

        class TestZone:
            def test_leaks(self):
                os.environ["LEFT"] = "secret"
        """,
    "tests/test_routes.py": """
        import os

        def test_fails():
            assert 1 == 2, "50%"

        def test_crashes():
            os._exit(3)
        """,
}


def test_a_run_in_github_actions_and_its_reports(project: Project) -> None:
    summary = project.path / "summary.md"
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    with_reruns = {"PYTEST_ADDOPTS": QUICK.replace("-p no:rerunfailures", "")}
    arguments = ("-n", "2", "-q", "--reruns", "1", "--only-rerun", "AssertionError", "--isolane-leaks=report")
    ended = project.write(SUITE).pytest(*arguments, **github, **with_reruns)

    commands = [line for line in ended.out.splitlines() if line.startswith("::")]
    assert len(commands) == 3, ended.text
    assert commands[0] == (
        "::error file=tests/test_routes.py,line=5,title=tests/test_routes.py%3A%3Atest_fails failed (AssertionError)::"
        "AssertionError: 50%25"
    ), ended.text
    assert commands[1].startswith(
        "::error file=tests/test_routes.py,line=7,title=tests/test_routes.py%3A%3Atest_crashes "
    )
    assert commands[2].startswith(
        "::warning file=tests/test_fares.py,line=6,title=tests/test_fares.py%3A%3Atest_flaky "
    )
    assert len(commands) == 3
    assert "### 2 failed" in summary.read_text(encoding="utf-8")

    tests = {
        one["name"]: one for one in json.loads(report(ReportRequest("ctrf", project=project.path)))["results"]["tests"]
    }
    assert tests["test_flaky"]["retryAttempts"] == [{"attempt": 1, "status": "failed", "message": "assert 1 > 1"}]
    assert (tests["test_crashes"]["status"], tests["test_fails"]["retries"]) == ("failed", 1)
    junit = ElementTree.fromstring(report(ReportRequest("junit", project=project.path)))
    assert len(list(junit.iter("testcase"))) == 4
    (run,) = json.loads(report(ReportRequest("sarif", project=project.path)))["runs"]
    assert "secret" not in json.dumps(run)
    found = {
        one["message"]["text"]: one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in run["results"]
    }
    assert found["tests/test_fares.py::TestZone::test_leaks leaves env LEFT (new, dangerous) behind."] == 11
    assert found["module conftest.py leaves env AT_IMPORT (new, dangerous) behind."] == 1
    trace = json.loads(report(ReportRequest("perfetto", project=project.path)))["traceEvents"]
    assert {one["args"]["name"] for one in trace if one["name"] == "thread_name"} >= {"the run", "gw0", "gw1"}


def test_a_serial_run_records_leaks_where_they_are_asked_for_and_tells_nobody_else(project: Project) -> None:
    fares = {name: SUITE[name] for name in ("conftest.py", "tests/test_fares.py")}
    ended = project.write(fares).pytest("--isolane-record=on", "--isolane-leaks=report", "-k", "leaks")

    (run,) = json.loads(report(ReportRequest("sarif", project=project.path)))["runs"]
    assert [one["message"]["text"] for one in run["results"]] == [
        "tests/test_fares.py::TestZone::test_leaks leaves env LEFT (new, dangerous) behind.",
        "module conftest.py leaves env AT_IMPORT (new, dangerous) behind.",
    ]
    assert "::" not in [line[:2] for line in ended.out.splitlines()]
