"""Which commit a checkout stands on, read from git's files: a plugin has no time to start a process."""

from __future__ import annotations

from pathlib import Path

_MOST_HOPS = 5
"""git's own limit for a symbolic reference to a symbolic reference."""


def git_revision(directory: Path) -> str | None:
    """Return the commit id of HEAD, or None outside a git checkout."""
    place = checkout_of(directory)
    if place is None:
        return None
    marker = place / ".git"
    if marker.is_dir():
        return _head(marker, marker)
    try:  # a worktree: the file names the real directory
        git = (place / _text(marker).partition("gitdir:")[2].strip()).resolve()
        shared = git / "commondir"
        common = (git / _text(shared)).resolve() if shared.is_file() else git
    except OSError:
        return None
    return _head(git, common)


def checkout_of(directory: Path) -> Path | None:
    """Return the root of the git checkout that a directory is in, None where it is in none."""
    places = (directory, *directory.parents)
    return next((one for one in places if (one / ".git").is_dir() or (one / ".git").is_file()), None)


def _head(git: Path, common: Path) -> str | None:
    try:
        found = _text(git / "HEAD")
        for _ in range(_MOST_HOPS):
            if not found.startswith("ref:"):
                return found or None
            found = _reference(common, found.partition(":")[2].strip())
    except OSError:
        pass
    return None


def _reference(common: Path, reference: str) -> str:
    loose = common / reference
    if loose.is_file():
        return _text(loose)
    for line in _text(common / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == reference:
            return commit
    return ""


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogateescape").strip()
