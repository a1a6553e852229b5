"""``--isolane-worktree=REV``: the same command again, in a git worktree of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from isolane.history.runs import runs_directory
from isolane.model.errors import IsolaneError
from isolane.pytest_plugin.options import value_of
from isolane.resources.worktrees import kept_path, mapped_path
from isolane.usecases.worktree import OwnWorktree, own_worktree


def run_in_worktree(config: pytest.Config) -> NoReturn:
    """Run pytest there to its end, keep its record here, and exit with its code.

    Raises :class:`pytest.UsageError` where git cannot make the worktree.
    """
    revision = value_of(config, "worktree", early=True)
    changes = value_of(config, "worktree-changes", early=True) == "on"
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with own_worktree(Path(config.invocation_params.dir), revision, changes=changes) as worktree:
            code = _run(config, worktree)
            _keep_records(config.rootpath, worktree)
    except IsolaneError as error:
        raise pytest.UsageError(f"isolane: {error}") from None
    except KeyboardInterrupt:
        code = 2
    finally:
        signal.signal(signal.SIGTERM, before)
    raise SystemExit(code)


def _run(config: pytest.Config, worktree: OwnWorktree) -> int:
    here, there = str(worktree.checkout), str(worktree.folder)
    arguments = [
        f"{there}{one[len(here) :]}" if one == here or one.startswith(here + os.sep) else one
        for one in map(str, config.invocation_params.args)
    ]
    paths = mapped_path(sys.path, worktree.checkout, worktree.folder)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *arguments, "--isolane-worktree=off"],
        cwd=worktree.project,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*paths, *kept_path(os.environ.get("PYTHONPATH", ""), worktree.checkout)]),
        },
    )
    try:
        return process.wait()
    except KeyboardInterrupt:  # Ctrl-C has reached it, too: it tears down what it has, and is waited for
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _keep_records(root: Path, worktree: OwnWorktree) -> None:
    kept = worktree.folder / root.relative_to(worktree.checkout) if root.is_relative_to(worktree.checkout) else None
    if kept is None or not runs_directory(kept).is_dir():
        return
    runs_directory(root).mkdir(parents=True, exist_ok=True)
    for run in runs_directory(kept).iterdir():
        shutil.move(str(run), str(runs_directory(root) / run.name))


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # as signal calls it
    raise KeyboardInterrupt
