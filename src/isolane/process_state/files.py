"""Files created, changed or removed under the project root, the home directory and the temp directory.

How to know, measured on Linux with Python 3.11:

- To look at everything takes a system call a file, 1.6 µs each: 10 ms for a project, far more for a home directory.
- To look at the times of a few directories takes 5 µs, and shows neither a file whose contents were changed nor
  anything further down. It also shows what the other workers did meanwhile: every test beside the guilty one would be
  blamed. The same goes for inotify.
- An audit hook (``sys.addaudithook``) hears what this very process does, with names: a look after a test that wrote
  nothing costs 0.2 µs. But it is called for every event of the interpreter: 0.15 to 0.3 µs a call of ``id``,
  ``sys._getframe`` or ``open``. What is nearly all ``id`` pays for it: ``copy.deepcopy`` takes twice its time, or more.

So it is the hook: only what it tells can be blamed on a test. What a program that a test starts writes, it does not
tell, nor what is written later to a file that stays open.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.file_journal import listen

Signature = tuple[int, int]
"""The size of a file, and a checksum of what is in it; of a large one, the time it was changed."""
Files = Mapping[str, Signature | None]
"""The files that are not what they were at the first look: ``None`` is gone."""

_DIRECTORY: Signature = (-1, 0)
_READ_UP_TO = 1 << 20
_OTHERS = frozenset(
    {".pytest_cache", "__pycache__", ".isolane", ".hypothesis", ".benchmarks", ".mypy_cache", ".ruff_cache"}
)
"""Directories that tools keep, wherever they are."""
_OTHERS_PREFIXES = (".coverage", ".testmondata")
_OTHERS_AT_THE_TOP = ("pytest-of-", ".isolane-")
"""In the temp directory: where pytest keeps ``tmp_path``, and where leases are locked on machines without /dev/shm."""
_REPORTS = "reports"


class FilesKind:
    """Files outside ``tmp_path`` that are not what they were.

    roots: directories, the project's first; without: directories under them that are nobody's business, such as
    pytest's base directory for ``tmp_path`` where that is not in its usual place.
    """

    name = "files"

    def __init__(self, roots: Sequence[Path] | None = None, without: Sequence[Path] = ()) -> None:
        if roots is None:
            temporary = Path(tempfile.gettempdir())
            home = os.path.expanduser("~")  # noqa: PTH111  # never raises
            roots = (Path.cwd(), Path(home), temporary, temporary.resolve())
        self._project = _within(roots[0])
        # The innermost first: a project may lie in the home directory.
        self._roots = sorted(map(_within, roots), key=len, reverse=True)
        self._without = tuple(_within(path) for path in without)
        self._cache = os.path.join(os.path.expanduser("~"), ".cache", "")  # noqa: PTH111, PTH118
        self._prior: dict[str, Signature] = {}
        self._pending: dict[str, None] = {}
        self._temporary: set[str] = set()
        self._state: Files = {}
        self._listening = False

    def note(self, path: str, *, temporary: bool) -> None:
        """Something is about to happen to a file: remember what it is now, if this is the first time."""
        if not self._is_watched(path):
            return
        if temporary:
            self._temporary.add(path)
        if path not in self._pending and path not in self._state and path not in self._prior:
            signature = _signature(path)
            if signature is not None:
                self._prior[path] = signature
        self._pending[path] = None

    def snapshot(self) -> Files:
        """Return what is not as it was; the very same mapping as long as nothing happened."""
        if not self._listening:
            self._listening = True
            listen(self)
        if self._pending:
            pending, self._pending = self._pending, {}
            state = dict(self._state)
            for path in tuple(pending):  # another thread may just be noting one
                signature = _signature(path)
                if signature != self._prior.get(path):
                    state[path] = signature
                else:
                    state.pop(path, None)
                    self._temporary.discard(path)
            if state != self._state:
                self._state = state
        return self._state

    def diff(self, before: Files, after: Files) -> list[Change]:
        """Return a change a file; of a directory that came or went, not what is in it."""
        if before is after:
            return []
        changes = []
        whole: set[str] = set()
        for path in sorted({**before, **after}):
            old, new = self._of(before, path), self._of(after, path)
            if old == new or any(str(parent) in whole for parent in Path(path).parents):
                continue
            if _DIRECTORY in (old, new):
                whole.add(path)
            changes.append(
                Change(self.name, self._told(path), _describe(old), _describe(new, old), self._level(path, old))
            )
        return changes

    def rebase(self, pending: Files, before: Files, after: Files) -> Files:
        """Let be so what happened to each file."""
        if before is after:
            return pending
        changed = {path for path in {**before, **after} if self._of(before, path) != self._of(after, path)}
        return {**pending, **{path: self._of(after, path) for path in changed}}

    def restore(self, before: Files) -> None:
        """Remove what was created. What was in a file that was changed or removed, nobody has kept."""
        after = self.snapshot()
        left = []
        for path in sorted({**before, **after}):
            old, new = self._of(before, path), self._of(after, path)
            if old == new or self._level(path, old) is Level.HARMLESS:
                continue
            if old is None:
                with suppress(FileNotFoundError):  # It went with its directory.
                    _remove(path)
            if _signature(path) != old:
                left.append(self._told(path))
        if left:
            raise RestoreError(
                "files-differ",
                f"the contents of a file cannot be had back: {', '.join(left)}.",
                "Let the test work on a copy under tmp_path.",
            )

    def _is_watched(self, path: str) -> bool:
        if path.startswith(self._without):
            return False
        for root in self._roots:
            if path.startswith(root):
                parts = path[len(root) :].split(os.sep)  # noqa: PTH206  # for each write: pathlib would cost ten times as much
                return (
                    _OTHERS.isdisjoint(parts)
                    and not parts[-1].startswith(_OTHERS_PREFIXES)
                    and not parts[0].startswith(_OTHERS_AT_THE_TOP)
                    and not (parts[0] == _REPORTS and root == self._project)
                )
        return False

    def _of(self, files: Files, path: str) -> Signature | None:
        return files[path] if path in files else self._prior.get(path)

    def _told(self, path: str) -> str:
        return path.removeprefix(self._project)

    def _level(self, path: str, old: Signature | None) -> Level:
        """Return harmless for what nobody finds by accident, or is a cache; dangerous for what others had put there."""
        if old is not None:
            return Level.DANGEROUS
        return Level.HARMLESS if path in self._temporary or path.startswith(self._cache) else Level.SUSPECT


def _within(directory: Path) -> str:
    return os.path.join(os.path.abspath(directory), "")  # noqa: PTH100, PTH118  # with a separator at its end


def _signature(path: str) -> Signature | None:
    try:
        status = os.lstat(path)
        if stat.S_ISDIR(status.st_mode):
            return _DIRECTORY
        if stat.S_ISREG(status.st_mode) and status.st_size <= _READ_UP_TO:
            with suppress(OSError):
                return status.st_size, zlib.crc32(Path(path).read_bytes())
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _describe(signature: Signature | None, old: Signature | None = None) -> str | None:
    if signature is None:
        return None
    if signature == _DIRECTORY:
        return "a directory"
    return f"{signature[0]} bytes{', other ones' if old is not None and old[0] == signature[0] else ''}"


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)  # noqa: PTH108
