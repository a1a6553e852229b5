"""A git worktree for the time of a block, and nothing left of it, not even of one whose process was killed."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from isolane.coordination.liveness import hold, is_held, let_go
from isolane.history.runs import make_home
from isolane.model.identity import new_run_id
from isolane.resources.worktrees import add_worktree, carry_over, remove_worktree, top_level

_PREFIX = "isolane-worktree-"


@dataclass(frozen=True)
class OwnWorktree:
    """A worktree. project: the folder in it that stands for the one that was asked for. commit: the whole hash."""

    checkout: Path
    folder: Path
    project: Path
    commit: str


@contextlib.contextmanager
def own_worktree(project: Path, revision: str, *, changes: bool = False) -> Iterator[OwnWorktree]:
    """Make a worktree of the checkout that ``project`` is in, and remove it when the block ends.

    changes: take along what is not committed. Worktrees of processes that were killed are removed first.
    """
    project = project.resolve()
    checkout = top_level(project)
    notes = make_home(checkout) / "worktrees"
    notes.mkdir(exist_ok=True)
    sweep(checkout, notes)
    # Outside the checkout: pytest looks for its settings in all folders above.
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
    note = notes / f"{new_run_id(time.time(), 'worktree')}.lock"
    descriptor = hold(note)
    try:
        note.write_text(str(folder), encoding="utf-8")
        commit = add_worktree(checkout, folder, revision)
        if changes:
            carry_over(checkout, folder)
        yield OwnWorktree(checkout, folder, folder / project.relative_to(checkout), commit)
    finally:
        remove_worktree(checkout, folder)
        if not folder.exists():
            note.unlink(missing_ok=True)
        if descriptor is not None:
            let_go(descriptor)


def sweep(checkout: Path, notes: Path) -> None:
    """Remove the worktrees whose process has gone."""
    for note in notes.glob("*.lock"):
        if is_held(note):
            continue
        with contextlib.suppress(OSError):
            named = note.read_text(encoding="utf-8")
            if Path(named).name.startswith(_PREFIX):  # whatever else somebody wrote there is not removed
                remove_worktree(checkout, Path(named))
            note.unlink(missing_ok=True)
