"""``isolane replay``: a worker's tests once more, in its order, in one process."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from throwaway_project import QUICK

TOGETHER = ("--isolane-isolation=none",)
LEFT = {
    "test_a.py": "import os\ndef test_finds(): assert 'LEFT' not in os.environ\n",
    "test_z.py": """
        import os

        def test_leaves(): os.environ["LEFT"] = "1"

        def test_between(): pass

        def test_after(): pass
        """,
}
"""A worker begins with the module that has more tests, and then the test of the other fails; serially all pass."""
KILLED = LEFT | {
    "test_a.py": """
        import os

        def test_dies():
            if "LEFT" in os.environ:
                os.kill(os.getpid(), 9)
        """
}


def ran(ended) -> list[str]:
    """The tests of a verbose run, in their order."""
    return re.findall(r"^(\S+\.py::\S+) ", ended.out, re.MULTILINE)


@pytest.mark.parametrize("engine", ["fork", "xdist"])
def test_a_workers_tests_are_run_again_in_its_order_with_the_runs_own_arguments(project, engine):
    project.write(LEFT)
    first = project.pytest("-n", "1", *TOGETHER, "--isolane-engine", engine, "-k", "not between", "-x")
    assert "1 failed, 2 passed" in first.out
    again = project.isolane("replay", "last", "--worker", "gw0", "--", "-v")
    assert again.code == 1, again.text
    assert "engine serial" in again.out
    assert "1 failed" in again.out
    assert ran(again) == ["test_z.py::test_leaves", "test_z.py::test_after", "test_a.py::test_finds"]
    assert "all ended as they had in the run." in again.err
    assert project.runs()[0].header.label == "replay"


def test_the_command_that_is_printed_does_the_same(project):
    project.write(LEFT | {"pytest.ini": "[pytest]\naddopts = -n 1\n"})
    project.pytest("--isolane-record=on")
    again = project.isolane("replay", "last", "--worker", "gw0", PYTEST_WORKERS="2")
    command = again.err.partition("Once more: ")[2].strip()
    done = subprocess.run(
        ["sh", "-c", command], env=project.environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert "engine serial" in done.stdout
    for one in (again.out, done.stdout):
        assert "1 failed, 3 passed" in one


@pytest.mark.parametrize("until", ["test_z.py::test_between", "between"])
def test_it_ends_with_the_test_that_is_asked_for(project, until):
    project.write(LEFT)
    project.pytest("-n", "1", *TOGETHER, "--dist", "loadfile")
    again = project.isolane("replay", "last", "--worker", "gw0", "--until", until, "--", "-v")
    assert again.code == 0, again.text
    assert ran(again) == ["test_z.py::test_leaves", "test_z.py::test_between"]


def test_a_crash_names_the_command_that_leads_to_it_and_it_does(project):
    project.write(KILLED)
    crashed = project.pytest("-n", "1", *TOGETHER)
    (command,) = set(re.findall(r"\S+ replay \S+ --worker gw0 --until test_a.py::test_dies", crashed.out))
    again = project.isolane(*command.split()[1:])
    assert again.code == 1, again.text
    assert "all ended as they had in the run." in again.err
    (record,) = [run.record() for run in project.runs() if run.header.label == "replay"]
    assert record.outcomes["test_a.py::test_dies"].category.value == "crashed"


def test_a_failure_in_a_parallel_run_names_the_command_too_and_a_serial_one_does_not(project):
    project.write(LEFT)
    failed = project.pytest("-n", "1", *TOGETHER)
    run = project.runs()[0].header.run_id
    assert f"replay {run} --worker gw0 --until test_a.py::test_finds" in failed.out
    assert "replay" not in project.pytest("--isolane-record=on").out
    assert "replay" not in project.pytest("-n", "1", *TOGETHER, "--isolane-record=off").out
    assert "replay" not in project.pytest("-n", "1", *TOGETHER, "-k", "after").out


def test_without_a_worker_it_lists_them_and_how_they_ended(project):
    project.write(KILLED | {"test_d.py": "def test_bad(): assert 0\n"})
    project.pytest("-n", "1", *TOGETHER, "-q")
    listed = project.isolane("replay", "last")
    assert listed.code == 0, listed.text
    header, _, *rows = listed.out.splitlines()
    assert "engine fork, --dist loadscope, pytest -n 1 --isolane-isolation=none -q" in header
    assert rows[0].endswith("killed by SIGKILL while test_a.py::test_dies ran")
    assert rows[1].endswith("as it should")
    assert [row.split()[:3] for row in rows] == [["gw0", "4", "1"], ["gw1", "1", "1"]]


def test_a_test_that_passes_now_is_told(project):
    body = "import os\ndef test_x(): assert 'PYTEST_XDIST_WORKER' not in os.environ\n"
    project.write({"test_x.py": body})
    project.pytest("-n", "1", *TOGETHER)
    again = project.isolane("replay", "last", "--worker", "gw0")
    assert again.code == 0, again.text
    assert "  test_x.py::test_x: failed (AssertionError), now passed" in again.err


def test_the_seeds_of_the_run_hold(project):
    body = "    with open('seen', 'a') as file: print(hash('a'), random.random(), file=file)\n"
    shuffled = QUICK.replace("-p no:randomly", "")
    project.write({"test_x.py": f"import random\ndef test_x():\n{body}"})
    project.pytest("-n", "1", *TOGETHER, PYTEST_ADDOPTS=shuffled, PYTHONHASHSEED="12")
    again = project.isolane("replay", "last", "--worker", "gw0", PYTEST_ADDOPTS=shuffled)
    assert again.code == 0, again.text
    first, second = (project.path / "seen").read_text().splitlines()
    assert first == second


def test_a_run_that_was_started_in_a_folder_is_replayed_there(project):
    project.write({f"tests/{name}": text for name, text in LEFT.items()})
    subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "test_z.py"],
        cwd=project.path / "tests",
        env=project.environment,
        capture_output=True,
        check=True,
        timeout=60,
    )
    again = project.isolane("replay", "last", "--worker", "gw0")
    assert again.code == 0, again.text
    assert "3 passed" in again.out


def test_a_record_from_elsewhere_is_replayed_in_a_checkout_that_is_named(project, tmp_path, other_python):
    project.write(LEFT)
    project.isolane("run", "-n", "2", "--python", other_python, PYTEST_ADDOPTS="")
    shutil.copytree(project.runs()[0].directory, tmp_path / "artifact")
    project.path.rename(tmp_path / "moved")
    project.path = tmp_path / "moved"
    gone = project.isolane("replay", "../artifact", "--worker", "gw0")
    assert gone.code == 4
    assert "which is not there. Name a checkout with --project" in gone.err
    again = project.isolane(
        "replay", "../artifact", "--worker", "gw0", "--project", ".", "--python", other_python, PYTEST_ADDOPTS=""
    )
    assert again.code == 0, again.text
    assert "3 passed" in again.out
    assert f" run {project.path} " in again.err


BAD_INPUT = [
    (("nope", "--worker", "gw0"), "There is no run 'nope'"),
    (("last", "--worker", "gw7"), "Its workers: gw0."),
    (("last", "--worker", "gw0", "--until", "nope"), "gw0 ran no test 'nope'."),
    (("last", "--worker", "gw0", "--until", "e"), "is the end of"),
    (("last", "--until", "test_after"), "Say --worker as well."),
    (("last", "--worker", "gw0", "--python", "/nowhere/python"), "/nowhere/python is not there."),
]


def test_bad_input_is_one_line_and_exit_code_4(project):
    project.write(LEFT | {"test_e.py": "def test_someone(): pass\ndef test_gone(): pass\ndef test_one(): pass\n"})
    project.pytest("-n", "1", *TOGETHER)
    for words, said in BAD_INPUT:
        ended = project.isolane("replay", *words)
        assert (words, ended.code) == (words, 4)
        assert said in ended.err
        assert len(ended.err.splitlines()) == 1
        assert ended.out == ""
