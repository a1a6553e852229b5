"""Worktrees for a run: real git, and nothing left of them whatever becomes of them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isolane.model.errors import UsageError
from isolane.resources.git import GitRepository, make_base
from isolane.resources.worktrees import mapped_path
from isolane.usecases.worktree import own_worktree


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make_base(tmp_path_factory.mktemp("git"))
    GitRepository(path).commit({"kept.txt": "first\n", "sub/test_a.py": "", ".gitignore": ".isolane\nignored\n"})
    return path


@pytest.fixture
def repository(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitRepository:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    shutil.copytree(base, tmp_path / "repository")
    return GitRepository(tmp_path / "repository")


def is_clean(repository: GitRepository) -> bool:
    """Return whether nothing is left of any worktree: not for git, not on the disk."""
    notes = repository.path / ".isolane" / "worktrees"
    return (
        repository.worktrees() == [repository.path.resolve()]
        and not list(notes.iterdir())
        and not list((repository.path.parent / "temporary").iterdir())
    )


@pytest.mark.req("A2")
def test_it_is_there_for_the_block_and_gone_afterwards(repository: GitRepository) -> None:
    (repository.path / "kept.txt").write_text("edited\n")
    with own_worktree(repository.path / "sub", "HEAD") as worktree:
        assert (worktree.folder / "kept.txt").read_text() == "first\n"
        assert worktree.project == worktree.folder / "sub"
        assert worktree.commit == repository.git("rev-parse", "HEAD")
        assert len(repository.worktrees()) == 2
    assert is_clean(repository)
    assert repository.git("status", "--porcelain") == "M kept.txt"


def make_dirty(repository: GitRepository, folder: Path) -> None:
    (folder / "kept.txt").write_text("changed\n")
    (folder / "new").write_text("")


def lock(repository: GitRepository, folder: Path) -> None:
    repository.git("worktree", "lock", str(folder))


def lock_and_remove(repository: GitRepository, folder: Path) -> None:
    lock(repository, folder)
    shutil.rmtree(folder)


def remove_half(repository: GitRepository, folder: Path) -> None:
    (folder / ".git").unlink()


def remove(repository: GitRepository, folder: Path) -> None:
    shutil.rmtree(folder)


def forget(repository: GitRepository, folder: Path) -> None:
    shutil.rmtree(repository.path / ".git" / "worktrees")


Damage = Callable[[GitRepository, Path], None]


@pytest.mark.req("A2")
@pytest.mark.parametrize("damage", [make_dirty, lock, lock_and_remove, remove_half, remove, forget])
def test_it_goes_whatever_has_become_of_it(repository: GitRepository, damage: Damage) -> None:
    def break_off() -> None:
        with own_worktree(repository.path, "HEAD") as worktree:
            damage(repository, worktree.folder)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert is_clean(repository)


@pytest.mark.parametrize("damage", [make_dirty, lock_and_remove])
def test_that_of_a_killed_process_goes_with_the_next(
    repository: GitRepository, damage: Damage, hold_in_process: Callable[[Callable[[], object]], int]
) -> None:
    blocks = [own_worktree(repository.path, "HEAD")]
    process = hold_in_process(blocks[0].__enter__)
    _, left = repository.worktrees()
    with own_worktree(repository.path, "HEAD"):
        assert left.is_dir(), "its process lives"
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    damage(repository, left)
    with own_worktree(repository.path, "HEAD") as worktree:
        assert repository.worktrees() == [repository.path.resolve(), worktree.folder]
    assert is_clean(repository)


def test_a_note_that_names_something_else_removes_nothing(repository: GitRepository, tmp_path: Path) -> None:
    notes = repository.path / ".isolane" / "worktrees"
    notes.mkdir(parents=True)
    (tmp_path / "precious").mkdir()
    (notes / "x.lock").write_text(str(tmp_path / "precious"))
    with own_worktree(repository.path, "HEAD"):
        pass
    assert (tmp_path / "precious").is_dir()
    assert is_clean(repository)


def test_what_is_not_committed_comes_along_if_asked(repository: GitRepository) -> None:
    (repository.path / "kept.txt").write_bytes(b"edited\n\x00\xff")
    (repository.path / "new").mkdir()
    (repository.path / "new" / "file").write_text("new")
    (repository.path / "ignored").write_text("")
    (repository.path / "staged").write_text("staged")
    repository.git("add", "staged")
    repository.git("rm", "--quiet", "sub/test_a.py")
    before = repository.git("status", "--porcelain")
    with own_worktree(repository.path, "HEAD", changes=True) as worktree:
        assert (worktree.folder / "kept.txt").read_bytes() == b"edited\n\x00\xff"
        assert (worktree.folder / "new" / "file").read_text() == "new"
        assert (worktree.folder / "staged").read_text() == "staged"
        assert not (worktree.folder / "sub" / "test_a.py").exists()
        assert not (worktree.folder / "ignored").exists()
    assert repository.git("status", "--porcelain") == before
    assert repository.git("stash", "list") == ""
    assert is_clean(repository)


@pytest.mark.req("F6")
def test_changes_that_do_not_fit_the_revision_are_a_conflict_that_is_told_of(repository: GitRepository) -> None:
    """A branch, an edit on it, and another of the same line that is not committed: git's own merge decides."""
    folder = repository.worktree("other")
    repository.commit({"kept.txt": "theirs\n"}, cwd=folder)
    (repository.path / "kept.txt").write_text("ours\n")
    with pytest.raises(UsageError, match=r"does not fit that revision: .*\[changes-do-not-fit\]"):
        own_worktree(repository.path, "other", changes=True).__enter__()
    repository.remove_worktree(folder)
    shutil.rmtree(folder.parent)
    assert is_clean(repository)


def test_what_git_does_not_know_is_told_in_a_line(repository: GitRepository, tmp_path: Path) -> None:
    for revision in ("nope", "--help", ""):
        with pytest.raises(UsageError, match=r"git knows no revision"):
            own_worktree(repository.path, revision).__enter__()
    assert is_clean(repository)
    (tmp_path / "plain").mkdir()
    with pytest.raises(UsageError, match="is not in a git checkout"):
        own_worktree(tmp_path / "plain", "HEAD").__enter__()


def test_the_repositorys_hooks_do_not_run(repository: GitRepository, tmp_path: Path) -> None:
    hook = repository.path / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    with own_worktree(repository.path, "HEAD"):
        pass
    assert not (tmp_path / "ran").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a checkout to somebody else")
def test_root_may_use_a_checkout_of_another_user(repository: GitRepository) -> None:
    for path in (repository.path, *repository.path.rglob("*")):
        os.chown(path, 65534, 65534)
    with own_worktree(repository.path, "HEAD") as worktree:
        assert (worktree.folder / "kept.txt").exists()


def test_import_paths_of_the_checkout_lead_into_the_worktree(tmp_path: Path) -> None:
    for name in ("here/src", "here/.venv", "there/src", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    here, there = tmp_path.resolve() / "here", tmp_path.resolve() / "there"
    entries = ["", str(here / "src"), str(tmp_path / "elsewhere"), str(here / ".venv"), str(here), str(here / "src")]
    assert mapped_path(entries, here, there) == [str(there / "src"), str(there)]
