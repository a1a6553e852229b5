"""A copy of a project to run tests in that may delete and overwrite things: the user's own tree stays as it is."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_LEFT_OUT = frozenset({".isolane", ".nox", ".tox", ".mypy_cache", ".ruff_cache", ".hypothesis", "node_modules"})
"""Directories that no test needs, and that may be large."""
_NO_SOURCE = frozenset({"__pycache__", ".pytest_cache"})
"""What comes and goes with each run, and is not looked at for changes."""
MOST_FILES = 20_000
MOST_BYTES = 1 << 30
_CONFIGURATION = (
    ("pytest.toml", ""),
    (".pytest.toml", ""),
    ("pytest.ini", ""),
    (".pytest.ini", ""),
    ("pyproject.toml", "[tool.pytest"),
    ("tox.ini", "[pytest]"),
    ("setup.cfg", "[tool:pytest]"),
)
"""Where pytest finds its settings: a file, with the section that makes it one."""

Manifest = dict[str, tuple[int, ...]]
"""Of each file and directory, by its path: what tells whether it is still the same.

A directory's own time is in it: what is made there and deleted again leaves no other trace, and who runs beside it may
have met it.
"""


@dataclass(frozen=True)
class Scratch:
    """original: the directory that was copied. copy: the copy. project: where the project is in it."""

    original: Path
    copy: Path
    project: Path


class ScratchKeeper:
    """Keeps a copy as the original is. Raises OSError where it cannot be read."""

    def __init__(self, original: Path, copy: Path) -> None:
        self._original = original
        self._copy = copy
        self._manifest = _manifest(copy)

    def original_of(self, path: Path) -> Path:
        """Return what a place in the copy is a copy of."""
        return self._original / path.resolve().relative_to(self._copy.resolve())

    def refresh(self) -> bool:
        """Put back what has been changed, deleted and added since; return whether there was anything."""
        now = _manifest(self._copy)
        changed = [name for name in sorted(self._manifest) if not _is_same(now.get(name), self._manifest[name])]
        if not changed and now.keys() == self._manifest.keys():
            return False
        # Directories first: in one that may not be written to, nothing can be removed.
        for name in sorted(changed, key=lambda name: not stat.S_ISDIR(self._manifest[name][0])):
            with suppress(OSError):  # the user has deleted it in the meantime
                _copy(self._original / name, self._copy / name)
                _turn_link(self._copy / name, self._original, self._copy)
        for name in sorted(now.keys() - self._manifest.keys(), reverse=True):
            _remove(self._copy / name)
        self._manifest = _manifest(self._copy)
        return True


@contextmanager
def scratch_copy(project: Path) -> Iterator[Scratch | None]:
    """Yield a copy of all that belongs to a project; None where it is too large to copy.

    What belongs to it begins at the directory that has pytest's settings: node ids and settings are then the same.
    """
    original = configured_root(project)
    if not _is_small(original):
        yield None
        return
    place = Path(tempfile.mkdtemp(prefix="isolane-scratch-")).resolve()
    try:
        copy = place / (original.name or "root")

        def left_out(directory: str, names: list[str]) -> set[str]:
            # The place for temporary files may lie in what is copied.
            return _left_out(directory, names) | ({place.name} if Path(directory) == place.parent else set())

        with suppress(shutil.Error):  # what nobody may read, no test can
            shutil.copytree(original, copy, symlinks=True, ignore=left_out, ignore_dangling_symlinks=True)
        for directory, names, others in os.walk(copy):
            for name in (*names, *others):
                _turn_link(Path(directory, name), original, copy)
        yield Scratch(original, copy, copy / project.relative_to(original))
    finally:
        _remove(place)


def configured_root(project: Path) -> Path:
    """Return the nearest directory, from the project's own upwards, with settings of pytest; else the project's."""
    for directory in (project, *project.parents):
        for name, section in _CONFIGURATION:
            with suppress(OSError, UnicodeDecodeError):
                if section in (directory / name).read_text(encoding="utf-8"):
                    return directory
    return project


def _left_out(directory: str, names: list[str]) -> set[str]:
    return {
        name
        for name in names
        if name in _LEFT_OUT
        or (Path(directory, name, "pyvenv.cfg").is_file())
        or not _can_be_copied(Path(directory, name))
    }


def _can_be_copied(path: Path) -> bool:
    """Return whether it is a file, a directory or a link, and no socket, pipe or device."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def _is_small(root: Path) -> bool:
    files = size = 0
    for directory, names, others in os.walk(root):
        left_out = _left_out(directory, names)
        names[:] = [name for name in names if name not in left_out]
        files += len(others)
        for name in others:
            with suppress(OSError):
                size += Path(directory, name).lstat().st_size
        if files > MOST_FILES or size > MOST_BYTES:
            return False
    return True


def _manifest(root: Path) -> Manifest:
    found: Manifest = {}
    for directory, names, others in os.walk(root):
        unseen = [name for name in names if name in _NO_SOURCE or name in _LEFT_OUT]
        names[:] = [name for name in names if name not in unseen]
        with suppress(OSError):
            one = Path(directory).lstat()
            found[os.path.relpath(directory, root)] = (one.st_mode, one.st_mtime_ns, len(unseen))
        for name in (*names, *others):
            path = Path(directory, name)
            with suppress(OSError):
                one = path.lstat()
                if not stat.S_ISDIR(one.st_mode):
                    found[str(path.relative_to(root))] = (one.st_mode, one.st_size, one.st_mtime_ns, one.st_ctime_ns)
    return found


def _is_same(now: tuple[int, ...] | None, before: tuple[int, ...]) -> bool:
    """Return whether nothing has happened there but that caches came or went."""
    if now is not None and stat.S_ISDIR(now[0]) and stat.S_ISDIR(before[0]) and now[-1] != before[-1]:
        return now[0] == before[0]
    return now == before


def _turn_link(link: Path, original: Path, copy: Path) -> None:
    """Let a link that names a place in the original by its whole path name that place in the copy."""
    if link.is_symlink():
        target = link.readlink()
        if target.is_absolute() and target.is_relative_to(original):
            link.unlink()
            link.symlink_to(copy / target.relative_to(original))


def _copy(source: Path, target: Path) -> None:
    is_directory = source.is_dir() and not source.is_symlink()
    _remove(target, but_directory=is_directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    if is_directory:
        target.mkdir(exist_ok=True)
        shutil.copystat(source, target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _remove(path: Path, *, but_directory: bool = False) -> None:
    """Remove it, whatever it is, also where a test has taken the right to."""
    if path.is_dir() and not path.is_symlink():
        if but_directory:
            return
        for directory, _, _ in os.walk(path):
            with suppress(OSError):
                Path(directory).chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
