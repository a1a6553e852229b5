"""Projects in odd places and environments, with tests that do odd things: isolane copes, or says why it does not."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from throwaway_project import QUICK

import isolane

FAST = ("-n", "2", "--seeds", "1", "--no-hunt")
SUITE = {"test_a.py": "def test_a(): pass\n", "test_b.py": "def test_b(): pass\n"}


def moved(project, name: str) -> None:
    """Give the project's folder another name."""
    project.path = project.path.rename(project.path.with_name(name))


def test_a_folder_of_an_odd_name_is_proven(project):
    moved(project.write(SUITE), '-it\'s "quoted" back\\slash dollar$and`tick` ünï')
    ended = project.isolane("prove", *FAST)
    assert ended.code == 0, ended.text


def test_a_folder_that_no_search_path_can_name_is_told(project, other_python):
    moved(project.write(SUITE), "a:b")
    ended = project.isolane("prove", "--python", other_python, *FAST)
    assert ended.code == 4
    assert ended.err.startswith("isolane: PYTHONPATH, which brings isolane along, cannot name ")
    assert project.isolane("run").code == 0


def test_an_interpreter_that_is_a_script_around_one(project, other_python):
    """It waits for the interpreter, which is then not a child of isolane's own."""
    script = project.write(SUITE).path / "python"
    script.write_text(f'#!/bin/sh\n"{other_python}" "$@"\n')
    script.chmod(0o755)
    ended = project.isolane("run", "--python", "./python", "-n", "2")
    assert ended.code == 0, ended.text
    assert project.runs()[0].record().counts() == {"passed": 2}


RUNS_PYTEST = {
    "conftest.py": "pytest_plugins = ['pytester']\n",
    "test_inner.py": """
        import pytest

        @pytest.mark.parametrize("run", ["runpytest_inprocess", "runpytest_subprocess"])
        def test_inner(pytester, run):
            pytester.makepyfile("def test_x(): pass")
            result = getattr(pytester, run)()
            result.assert_outcomes(passed=1)
            assert "2 workers" not in result.stdout.str()
    """,
}


def test_a_suite_that_runs_pytest_is_proven_also_where_ci_asks_for_workers(project):
    """PYTEST_WORKERS would reach the inner runs of a serial run, and not those in a worker."""
    ended = project.write(RUNS_PYTEST).isolane("prove", *FAST, PYTEST_WORKERS="2")
    assert ended.code == 0, ended.text


def test_a_printed_serial_command_is_serial_also_in_a_shell_that_has_workers(project):
    project.write(
        {
            "test_a.py": "import os\ndef test_a(): os.environ['LEFT'] = '1'\n",
            "test_b.py": "import os\ndef test_b(): assert 'LEFT' not in os.environ\n",
        }
    )
    proof = project.isolane("prove", *FAST, "--json", PYTEST_WORKERS="2").data
    alone, *_ = [one for one in proof["differences"] if one["phase"].startswith("alone")]
    assert "PYTEST_WORKERS=1 " in alone["command"]
    assert "PYTEST_WORKERS=1 " in proof["baseline_command"]


def test_combine_without_coverage_says_what_to_install(project, other_python):
    here = Path(isolane.__file__).parents[1]
    ended = subprocess.run(
        [other_python, "-m", "isolane", "combine"],
        cwd=project.path,
        env=project.environment | {"PYTHONPATH": str(here)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 4, ended.stderr
    assert ended.stderr == (
        "isolane: coverage is not installed beside isolane. "
        f"Install it: {other_python} -m pip install 'coverage>=7.10' [no-coverage]\n"
    )


@pytest.mark.parametrize("verb", [("prove", *FAST), ("stress", "2", "-n", "1"), ("run",), ("run", "-n", "2")], ids=str)
def test_a_test_that_removes_the_record_is_told(project, verb):
    project.write(
        {
            "test_removes.py": """
                import shutil
                from pathlib import Path

                def test_removes(): shutil.rmtree(Path(__file__).with_name(".isolane"))
            """
        }
    )
    ended = project.isolane(*verb)
    assert ended.code == 3
    assert "was removed while the tests ran, by one of them or by another process." in ended.err
    assert not (project.path / ".isolane").exists()


def test_verbs_keep_as_many_runs_as_the_ini_file_says_and_at_least_their_own(project):
    project.write(SUITE | {"pytest.ini": "[pytest]\nisolane_keep_runs = 3\n"})
    project.isolane("run")
    project.isolane("stress", "2", "-n", "1")
    assert [run.header.label for run in project.runs()] == ["stress", "stress", "serial"]
    project.isolane("stress", "5", "-n", "1")
    assert [run.header.label for run in project.runs()] == ["stress"] * 5
    project.isolane("run")
    assert len(project.runs()) == 3
    assert project.runs()[0].header.label == "serial"


def test_the_gate_wants_a_folder(project):
    ended = project.isolane("gate", "nowhere")
    assert (ended.code, ended.err) == (
        4,
        "isolane: nowhere is not a folder. Name the folder that holds the project's tests. [no-project]\n",
    )


RECORDED = [("--isolane-record=on",), ("-n", "2"), ("-n", "1", "--isolane-engine=xdist")]

RESTLESS = {
    "test_restless.py": """
        from unittest import mock
        import pytest

        @pytest.fixture(scope="module", autouse=True, params=["os.getpid", "os.write", "time.time", "json.dumps"])
        def replaced(request):
            with mock.patch(request.param, side_effect=TypeError):
                yield

        def test_passes(): pass
        def test_fails(): assert 0
    """
}


@pytest.mark.parametrize("words", RECORDED, ids=str)
def test_what_tests_put_in_the_place_of_the_systems_functions_does_not_meet_the_log(project, words):
    """xdist's own workers ask for their process id and the time: there only the rest is replaced."""
    project.write(RESTLESS)
    for name in [name for name in project.environment if name.startswith("COVERAGE_")]:
        del project.environment[name]  # coverage, measuring what is started here, asks for its process id, too
    ended = project.pytest(*words, "-k", "write or dumps" if "xdist" in words[-1] else "test")
    assert ended.code == 1, ended.text
    expected = 2 if "xdist" in words[-1] else 4
    assert project.runs()[0].record().counts() == {"passed": expected, "failed": expected}


INCREMENTAL = {
    # as pytest's documentation has it
    "conftest.py": """
        import pytest

        def pytest_runtest_makereport(item, call):
            if "incremental" in item.keywords and call.excinfo is not None:
                item.parent._previousfailed = item

        def pytest_runtest_setup(item):
            previous = getattr(item.parent, "_previousfailed", None)
            if previous is not None:
                pytest.xfail(f"previous test failed ({previous.name})")
    """,
    "pytest.ini": "[pytest]\nmarkers = incremental\n",
    "test_steps.py": """
        import pytest

        @pytest.mark.incremental
        class TestSteps:
            def test_1(self): pass
            def test_2(self): raise KeyError
            def test_3(self): pass
    """,
}


@pytest.mark.parametrize("words", RECORDED, ids=str)
def test_a_suites_own_hooks_are_called_in_a_recorded_run(project, words):
    ended = project.write(INCREMENTAL).pytest(*words)
    assert "1 failed, 1 passed, 1 xfailed" in ended.out
    outcomes = project.runs()[0].record().outcomes
    assert [str(outcome) for _, outcome in sorted(outcomes.items())] == [
        "passed",
        "failed (KeyError)",
        "xfailed (previous test failed (test_2))",
    ]


@pytest.mark.parametrize("addopts", ["-n 2", "--tx 2*popen -d"])
def test_a_serial_run_is_serial_whatever_pytest_addopts_say(project, addopts):
    ended = project.write(SUITE).isolane("prove", *FAST, "--json", PYTEST_ADDOPTS=f"{QUICK} {addopts}")
    assert ended.code == 0, ended.text
    workers = {run.header.label: run.header.workers for run in project.runs()}
    assert workers == {"serial": 0, "module": 0, "parallel": 2, "shuffled": 0}
    assert " -n 0" in ended.data["baseline_command"]


@pytest.mark.parametrize("typed", [("-n", "3"), ("--tx", "2*popen", "-d")], ids=str)
def test_workers_behind_the_dashes_are_refused(project, typed):
    ended = project.write(SUITE).isolane("prove", *FAST, "--", *typed)
    assert ended.code == 4
    assert "give -n before the --" in ended.err
