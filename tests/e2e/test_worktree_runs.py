"""A run in a worktree of its own, and a checkout against another revision."""

from __future__ import annotations

import subprocess

import pytest
from throwaway_project import Project


@pytest.fixture
def checkout(project: Project) -> Project:
    project.write(
        {
            "src/code_under_test.py": "VALUE = 'committed'\n",
            "pytest.ini": "[pytest]\n",
            "test_it.py": """
                import os
                import code_under_test
                def test_it(): assert code_under_test.VALUE == os.environ["EXPECTED"]
            """,
        }
    )
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "First")):
        command = ["git", "-c", "user.name=n", "-c", "user.email=e@localhost", *words]
        subprocess.run(command, cwd=project.path, check=True)
    project.write({"src/code_under_test.py": "VALUE = 'edited'\n"})
    project.environment["PYTHONPATH"] = f"{project.path / 'src'}:{project.environment.get('PYTHONPATH', '')}"
    return project


def worktrees(project: Project) -> int:
    listed = subprocess.run(
        ["git", "worktree", "list"], cwd=project.path, capture_output=True, text=True, check=True
    ).stdout
    return len(listed.splitlines())


def test_it_runs_what_is_committed_or_what_is_not_as_asked(checkout: Project) -> None:
    own = ("-n", "2", "--isolane-worktree=HEAD", f"{checkout.path}/test_it.py")
    committed = checkout.pytest(*own, EXPECTED="committed")
    carried = checkout.pytest(*own, "--isolane-worktree-changes", EXPECTED="committed")
    assert (committed.code, carried.code) == (0, 1), committed.text + carried.text
    assert "'edited' == 'committed'" in carried.out
    assert [run.end.exit_code for run in checkout.runs() if run.end] == [1, 0]
    assert worktrees(checkout) == 1


def test_a_checkout_is_timed_against_a_revision(checkout: Project) -> None:
    checkout.write({"test_new.py": "def test_new(): pass\n"})
    ended = checkout.isolane("bench", "--against", "HEAD", "--pairs", "2", "--json", EXPECTED="edited")
    assert ended.code == 0, ended.text
    (row,) = ended.data["rows"]
    assert (ended.data["tests"], ended.data["their_tests"]) == (2, 1)
    low, middle, high = row["ratio"]
    assert 0 < low < middle < high
    assert row["verdict"] in ("faster", "slower", "no difference")
    assert min(row["seconds"], row["their_seconds"]) > 0
    assert worktrees(checkout) == 1
    refused = checkout.isolane("bench", "--against", "HEAD", "--pairs", "1")
    assert (refused.code, "[one-pair]" in refused.err) == (4, True)
