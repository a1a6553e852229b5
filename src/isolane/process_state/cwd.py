"""The working directory."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs


class WorkingDirectoryKind:
    """Where relative paths start from. A snapshot is ``None`` where the directory has been deleted."""

    name = "cwd"

    def snapshot(self) -> str | None:
        """Return the absolute path."""
        try:
            return os.getcwd()  # noqa: PTH109  # once a test: pathlib would cost four times as much
        except OSError:
            return None

    def signs(self) -> Signs:
        """Return the path."""
        return Signs(values=(os.getcwd,))

    def diff(self, before: str | None, after: str | None) -> list[Change]:
        """Return at most one change."""
        return [] if before == after else [Change(self.name, "directory", before, after)]

    def rebase(self, pending: str | None, before: str | None, after: str | None) -> str | None:
        """Follow the move, if there was one."""
        return pending if before == after else after

    def restore(self, before: str | None) -> None:
        """Go back. If that directory is gone, go to its nearest parent that is left, and say so."""
        if before is None or self.snapshot() == before:
            return
        try:
            os.chdir(before)
        except OSError as error:
            refuge = None
            for parent in Path(before).parents:
                with suppress(OSError):
                    os.chdir(parent)
                    refuge = parent
                    break
            raise RestoreError(
                "cwd-gone",
                f"the working directory {before} cannot be entered again after the test ({error.strerror}); "
                f"tests go on in {refuge or self.snapshot()}.",
                "Let the test remove only directories of its own, under tmp_path.",
            ) from error
