"""Which commit a checkout stands on, read from git's files: a plugin has no time to start a process."""

from __future__ import annotations

from pathlib import Path


def git_revision(directory: Path) -> str | None:
    """Return the commit id of HEAD, or None outside a git checkout."""
    for place in (directory, *directory.parents):
        marker = place / ".git"
        if marker.is_dir():
            return _head(marker, marker)
        if marker.is_file():  # a worktree: the file names the real directory
            try:
                target = marker.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
                git = (place / target).resolve()
                shared = git / "commondir"
                common = (git / shared.read_text(encoding="utf-8").strip()).resolve() if shared.is_file() else git
            except OSError:
                return None
            return _head(git, common)
    return None


def _head(git: Path, common: Path) -> str | None:
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head or None
        reference = head.partition(":")[2].strip()
        loose = common / reference
        if loose.is_file():
            return loose.read_text(encoding="utf-8").strip() or None
        for line in (common / "packed-refs").read_text(encoding="utf-8").splitlines():
            commit, _, name = line.partition(" ")
            if name == reference:
                return commit
    except OSError:
        pass
    return None
