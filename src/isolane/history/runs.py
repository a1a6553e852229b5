"""The runs kept of a checkout: ``.isolane/runs/RUN/``."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isolane.coordination.liveness import SESSIONS, is_held, replace_file
from isolane.history.event_log import FILE_NAME, read_ends, read_events, try_to_write
from isolane.model.errors import RecordError, UsageError
from isolane.model.events import Event, RunFinished, RunStarted
from isolane.model.record import RunRecord

DIRECTORY = ".isolane"
KEEP = 200


@dataclass(frozen=True)
class RunSummary:
    """A run by its first and last event; ``end`` is None for a run that goes on, or was killed."""

    directory: Path
    header: RunStarted
    end: RunFinished | None

    def events(self) -> Iterator[Event]:
        """Yield all that happened in it."""
        return read_events(self.directory / FILE_NAME)

    def record(self) -> RunRecord:
        """Return the whole run."""
        return RunRecord.of(self.events())


def runs_directory(root: Path) -> Path:
    """Return where a checkout's runs are kept; it need not be there."""
    return root / DIRECTORY / "runs"


def make_home(root: Path) -> Path:
    """Make ``root``'s directory for isolane's own files, which git ignores, and return it. Raises OSError."""
    home = root / DIRECTORY
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / ".gitignore"
    if not ignore.exists():
        write_whole(ignore, "# made by isolane\n*\n")
    return home


@contextlib.contextmanager
def writable_home(root: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield a directory for records and why it is not the checkout's own, if it is not.

    Where the checkout cannot be written to, a temporary directory serves for as long as the block lasts.
    """
    try:
        home = make_home(root)
        try_to_write(home)
    except OSError as error:
        with tempfile.TemporaryDirectory(prefix="isolane-") as temporary:
            yield Path(temporary), f"{root / DIRECTORY} cannot be written to ({error.strerror})"
    else:
        yield home, None


def summaries(root: Path) -> list[RunSummary]:
    """Return all runs of a checkout, newest first. What is not a run's record is passed over."""
    directory = runs_directory(root)
    found = []
    for name in reversed(run_names(root)):
        ends = read_ends(directory / name / FILE_NAME)
        if ends is not None:
            found.append(RunSummary(directory / name, *ends))
    return found


def _had_workers(header: RunStarted) -> bool:
    return header.workers > 0


def find_run(
    root: Path, name: str, counts: Callable[[RunStarted], bool] = _had_workers, counted: str = "run over workers"
) -> RunSummary:
    """Return a run by its id, the beginning of its id, its directory, or ``last``, the newest that counts.

    root: a checkout, or a folder in it. counted: what those that count are called. Raises :class:`UsageError` where
    that names no run, or several.
    """
    checkout = next((one for one in (root, *root.parents) if runs_directory(one).is_dir()), root)
    place = Path(name)
    if name == "last":
        newest = next((one for one in summaries(checkout) if counts(one.header)), None)
        if newest is None:
            raise UsageError(
                "no-such-run", f"No {counted} is on record in {root / DIRECTORY}.", "Make one: pytest -n 2"
            )
        return newest
    if not (place / FILE_NAME).is_file():
        meant = [one for one in run_names(checkout) if one.startswith(name)] if name else []
        if name not in meant and len(meant) != 1:
            what = f"{len(meant)} runs begin with {name!r}" if meant else f"There is no run {name!r}"
            hint = f"The newest of them: {meant[-1]}." if meant else f"last is the newest {counted}."
            raise UsageError("no-such-run", f"{what} in {runs_directory(checkout)}.", hint)
        place = runs_directory(checkout) / (name if name in meant else meant[0])
    ends = read_ends(place / FILE_NAME)
    if ends is None:
        raise UsageError("no-such-run", f"{place} holds no run's record.", "")
    return RunSummary(place.resolve(), *ends)


def run_names(root: Path) -> list[str]:
    """Return the names of a checkout's runs, oldest first."""
    try:
        return sorted(entry.name for entry in os.scandir(runs_directory(root)) if entry.is_dir())
    except OSError:
        return []


def runs_to_keep(root: Path) -> int:
    """Return how many runs the project wants to keep, as its newest run was told."""
    names = run_names(root)
    with contextlib.suppress(RecordError):
        ends = read_ends(runs_directory(root) / names[-1] / FILE_NAME) if names else None
        if ends is not None:
            return int(ends[0].settings.get("keep-runs") or KEEP)
    return KEEP


def prune(root: Path, keep: int = KEEP) -> None:
    """Remove the oldest runs over ``keep``; one that goes on stays, and one that cannot be removed."""
    names = run_names(root)
    for name in names[: max(0, len(names) - keep)]:
        if is_held(root / DIRECTORY / SESSIONS / f"{name}.lock"):
            continue
        shutil.rmtree(runs_directory(root) / name, ignore_errors=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old text or the new, never a part. Raises OSError.

    A lone surrogate (an undecodable file name in a failure's message) is written as its escape.
    """
    replace_file(path, text.encode("utf-8", "backslashreplace"))
