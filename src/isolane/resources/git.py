"""Git repositories of a test's own: copied from a template, with worktrees, and without the user's configuration."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from isolane.model.errors import ServerMissingError, UsageError
from isolane.resources.drivers import one_line

_BRANCH = "main"
_IDENTITY = {"name": "isolane", "email": "isolane@localhost"}


class GitRepository:
    """A repository with one worktree, ``path``, and those that :meth:`worktree` adds beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run ``git ARGUMENTS`` in the repository, or in a worktree of it, and return what it printed, stripped.

        Raises :class:`UsageError`, with git's words, if it does not exit with 0.
        """
        return _git(cwd or self.path, *arguments)

    def commit(self, files: Mapping[str, str], message: str = "Change", *, cwd: Path | None = None) -> str:
        """Write the files (path in the worktree: text), commit them, and return the commit's hash, 40 digits."""
        folder = cwd or self.path
        _write(folder, files)
        if files:
            self.git("add", "--force", "--", *files, cwd=folder)
        self.git("commit", "--quiet", "--allow-empty", "-m", message, cwd=folder)
        return self.git("rev-parse", "HEAD", cwd=folder)

    def worktree(self, branch: str, start: str = "HEAD") -> Path:
        """Add a worktree on a branch, which is made at ``start`` where there is none, and return its folder."""
        folder = self.path.parent / "worktrees" / branch.replace("/", "-")
        is_there = run_git(self.path, "show-ref", "--verify", "--quiet", f"refs/heads/{branch}").returncode == 0
        words = (str(folder), branch) if is_there else ("-b", branch, str(folder), start)
        self.git("worktree", "add", "--quiet", *words)
        return folder

    def remove_worktree(self, folder: Path) -> None:
        """Remove a worktree at once, also a locked one with changes in it."""
        self.git("worktree", "remove", "--force", "--force", str(folder))

    def worktrees(self) -> list[Path]:
        """Return the folders of all worktrees, the main one first."""
        lines = self.git("worktree", "list", "--porcelain").splitlines()
        return [Path(line.removeprefix("worktree ")) for line in lines if line.startswith("worktree ")]


def make_base(directory: Path, template: Path | None = None) -> Path:
    """Make the repository that a worker's tests get copies of, in a new folder of the directory; return the folder.

    template: a repository, which is copied without its worktrees and hooks, or a folder whose files become the first
    commit; None is a repository with one empty commit. :class:`UsageError` if it is neither.
    """
    _find_git()
    base = directory / "base"
    if template is None:
        base.mkdir(parents=True)
    elif not template.is_dir():
        raise UsageError("bad-template", f"{template} cannot be used as a template repository: it is not a folder.")
    elif (template / ".git").is_file():
        raise UsageError(
            "bad-template",
            f"{template} cannot be used as a template repository: it is a worktree of another one.",
            "Name that repository's own folder.",
        )
    else:
        shutil.copytree(template, base, symlinks=True, ignore=_without(template))
    repository = GitRepository(base)
    if not (base / ".git").is_dir():
        repository.git("init", "--quiet", f"--initial-branch={_BRANCH}", "--template=")
        _identify(repository)
        repository.git("add", "--all", "--force")
        repository.git("commit", "--quiet", "--allow-empty", "-m", "First")
    else:
        _identify(repository)
    return base


@contextmanager
def repository(directory: Path, base: Path) -> Iterator[GitRepository]:
    """Copy the repository that :func:`make_base` made into the directory; remove it afterwards with all worktrees."""
    home = directory / "isolane-git"
    path = home / "repository"
    shutil.copytree(base, path, symlinks=True)
    try:
        yield GitRepository(path)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def clean_git_environment() -> dict[str, str]:
    """Return the environment without what makes git use another repository, and without the user's configuration."""
    # Hooks run with GIT_DIR and GIT_INDEX_FILE set; a suite that is run by one would work on that repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == "GIT_EXEC_PATH"}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }


def _without(template: Path) -> Callable[[str, list[str]], set[str]]:
    left_out = {str(template / ".git"): {"worktrees", "hooks"}}
    return lambda folder, names: left_out.get(str(folder), set()) & set(names)


def _identify(repository: GitRepository) -> None:
    # Code under test runs git without our environment: what it needs stands in the repository.
    settings = {f"user.{name}": value for name, value in _IDENTITY.items()}
    for name, value in {**settings, "commit.gpgSign": "false", "gc.auto": "0", "maintenance.auto": "false"}.items():
        repository.git("config", name, value)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _find_git() -> str:
    program = shutil.which("git")
    if program is None:
        raise ServerMissingError("no-git", "git is not on the PATH.", "Install it: apt-get install git.")
    return program


def run_git(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``git ARGUMENTS`` in a folder, to its end; environment: :func:`clean_git_environment` if not given."""
    return subprocess.run(
        [_find_git(), *arguments],
        cwd=folder,
        env=clean_git_environment() if environment is None else environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )


def _git(folder: Path, *arguments: str) -> str:
    done = run_git(folder, *arguments)
    if done.returncode:
        said = one_line(done.stderr or done.stdout)
        raise UsageError("git-failed", f"git {' '.join(arguments)} exits with {done.returncode}: {said}")
    return done.stdout.strip()
