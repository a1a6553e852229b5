"""Worktrees of a person's own checkout: made for a run, and removed whatever has become of them.

git is asked with the user's configuration (filters of large files are there), without their hooks, and without the
variables by which a hook that runs this very suite would lead it to another repository. A checkout of another user's
is read all the same, as root in a container does: it is named to git as safe, for the one command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from isolane.model.errors import UsageError
from isolane.resources.drivers import one_line
from isolane.resources.git import run_git

_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")
_IDENTITY = ("-c", "user.name=isolane", "-c", "user.email=isolane@localhost")


def top_level(folder: Path) -> Path:
    """Return the checkout that a folder is in. :class:`UsageError` where git knows of none."""
    folder = folder.resolve()
    place = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), None)
    if place is None:
        raise UsageError("no-checkout", f"{folder} is not in a git checkout, and has no other revisions.")
    return place


def add_worktree(checkout: Path, folder: Path, revision: str) -> str:
    """Make a worktree at a revision, on no branch; return the commit's hash."""
    found = _try(checkout, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found.returncode:
        raise UsageError(
            "no-such-revision", f"git knows no revision {revision!r} in {checkout}.", "git log lists them."
        )
    commit = found.stdout.strip()
    _git(checkout, *_NO_HOOKS, "worktree", "add", "--quiet", "--detach", "--force", str(folder), commit)
    return commit


def carry_over(checkout: Path, folder: Path) -> None:
    """Bring what is not committed in a checkout into a worktree: changes, and files that git neither knows nor ignores.

    :class:`UsageError` where the changes do not fit the worktree's revision.
    """
    changes = _git(checkout, *_IDENTITY, "stash", "create")
    if changes:
        done = _try(folder, *_NO_HOOKS, *_IDENTITY, "cherry-pick", "--no-commit", "-m", "1", changes)
        if done.returncode:
            raise UsageError(
                "changes-do-not-fit",
                f"What is not committed does not fit that revision: {one_line(done.stderr or done.stdout)}.",
                "Commit it, or run without --isolane-worktree-changes.",
            )
    for name in filter(None, _git(checkout, "ls-files", "-z", "--others", "--exclude-standard").split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / name, folder / name, follow_symlinks=False)


def remove_worktree(checkout: Path, folder: Path) -> None:
    """Remove a worktree and what git knows of it: also one that is locked, changed, half removed or gone already."""
    _try(checkout, "worktree", "remove", "--force", "--force", str(folder))
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        _try(checkout, "worktree", "unlock", str(folder))  # of a locked one git would remember for ever
        _try(checkout, "worktree", "prune", "--expire=now")


def mapped_path(entries: Iterable[str], checkout: Path, folder: Path) -> list[str]:
    """Return the worktree's places of those import paths that lie in the checkout and are there in the worktree, too.

    A package that is installed editable would else be imported from the checkout.
    """
    found = []
    for entry in entries:
        place = Path(entry).resolve() if entry else None
        if place is not None and place.is_relative_to(checkout):
            mapped = folder / place.relative_to(checkout)
            if mapped.is_dir():
                found.append(str(mapped))
    return list(dict.fromkeys(found))


def kept_path(path: str, checkout: Path) -> list[str]:
    """Return the entries of a PYTHONPATH that do not lie in the checkout, absolute."""
    places = [Path(one).resolve() for one in path.split(os.pathsep) if one]
    return [str(one) for one in places if not one.is_relative_to(checkout)]


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == "GIT_EXEC_PATH"}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def _try(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_git(folder, "-c", "safe.directory=*", *arguments, environment=_environment())


def _git(folder: Path, *arguments: str) -> str:
    done = _try(folder, *arguments)
    if done.returncode:
        words = " ".join(one for one in arguments if "=" not in one and one != "-c")
        raise UsageError("git-failed", f"git {words} exits with {done.returncode}: {one_line(done.stderr)}.")
    return done.stdout.strip("\n")
