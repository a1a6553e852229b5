"""The commit a checkout stands on, as git itself says it, without starting git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from isolane.history.revision import git_revision


def git(directory: Path, *arguments: str) -> str:
    """Run git without the configuration of whoever runs the tests, and return what it printed."""
    nobody = {f"GIT_{who}_{what}": "isolane" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ours = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env={**ours, **nobody, "GIT_CONFIG_GLOBAL": "", "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def commit(directory: Path, message: str) -> str:
    git(directory, "commit", "-q", "--allow-empty", "-m", message)
    return head(directory)


def head(directory: Path) -> str:
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "-q", "--initial-branch=trunk")
    commit(directory, "first")
    return directory


def test_the_head_of_a_branch_is_followed(repository: Path) -> None:
    first = head(repository)
    assert git_revision(repository) == first

    second = commit(repository, "second")

    assert git_revision(repository) == second != first


def test_it_is_found_from_a_folder_within(repository: Path) -> None:
    (repository / "a" / "b").mkdir(parents=True)

    assert git_revision(repository / "a" / "b") == head(repository)


def test_a_detached_head(repository: Path) -> None:
    first = head(repository)
    commit(repository, "second")
    git(repository, "checkout", "-q", "--detach", first)

    assert git_revision(repository) == first


def test_packed_references(repository: Path) -> None:
    first = head(repository)
    git(repository, "branch", "other")
    git(repository, "branch", "a/trunk")  # ends in the same word
    git(repository, "tag", "-a", "v1", "-m", "annotated: packed with a second line")
    second = commit(repository, "second")
    git(repository, "pack-refs", "--all")
    assert not (repository / ".git" / "refs" / "heads" / "trunk").exists()

    assert git_revision(repository) == second

    git(repository, "checkout", "-q", "other")
    assert git_revision(repository) == first

    git(repository, "checkout", "-q", "trunk")
    assert commit(repository, "third") == git_revision(repository)  # loose again, and newer than the packed one


def test_a_worktree_has_a_head_of_its_own(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    there = commit(tmp_path / "side", "on the side")

    assert git_revision(tmp_path / "side") == there
    assert git_revision(repository) == head(repository) != there

    git(tmp_path / "side", "checkout", "-q", "--detach", "HEAD~1")
    assert git_revision(tmp_path / "side") == head(repository)

    git(tmp_path / "side", "checkout", "-q", "side")
    git(repository, "pack-refs", "--all")
    assert git_revision(tmp_path / "side") == there


def test_git_files_that_are_kept_elsewhere(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--separate-git-dir", str(tmp_path / "kept"), "work")

    assert commit(tmp_path / "work", "first") == git_revision(tmp_path / "work")


def test_a_branch_that_stands_for_another(repository: Path) -> None:
    git(repository, "symbolic-ref", "refs/heads/alias", "refs/heads/trunk")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/alias")

    assert git_revision(repository) == head(repository)


def test_a_branch_of_any_name(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "größe/1")
    there = commit(repository, "second")
    assert git_revision(repository) == there

    git(repository, "pack-refs", "--all")
    assert git_revision(repository) == there


def test_before_the_first_commit_there_is_none(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")

    assert git_revision(tmp_path) is None


def test_outside_a_checkout_there_is_none(tmp_path: Path) -> None:
    assert git_revision(tmp_path) is None


@pytest.mark.parametrize(
    "content", [b"", b"something else", b"gitdir: ../nowhere\n", b"gitdir: /caf\xe9\n", b"\xff\xfe"], ids=repr
)
def test_a_git_file_that_leads_nowhere_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".git").write_bytes(content)

    assert git_revision(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"ref:", b"ref: refs/heads/\xff", b"ref: HEAD"], ids=repr)
def test_a_broken_head_is_none(repository: Path, content: bytes) -> None:
    (repository / ".git" / "HEAD").write_bytes(content)

    assert git_revision(repository) is None
