"""What GitHub Actions gives a step: a log that takes commands, and a file for its summary."""

from __future__ import annotations

import os
from pathlib import Path

MOST_BYTES = 1024 * 1024
"""What a step's summary may hold; GitHub shows nothing of a longer one."""
_LEFT_OUT = "\n\n(what would follow here is over what GitHub shows)\n"


def is_in_actions() -> bool:
    """Return whether this is a step of a workflow itself, and not a process that one of its tests has started."""
    return os.environ.get("GITHUB_ACTIONS") == "true" and not is_in_test()


def is_in_test() -> bool:
    """Return whether a test has started this process. pytest forgets it when it has run a test of its own."""
    return "PYTEST_CURRENT_TEST" in os.environ


def add_to_summary(text: str) -> None:
    """Add text to the step's summary, where there is one, as far as there is room. Raises OSError."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if not summary or is_in_test():
        return
    path = Path(summary)
    # Behind an empty line: what is there may end with a table.
    added = f"\n{text}".encode("utf-8", "backslashreplace")
    room = MOST_BYTES - (path.stat().st_size if path.exists() else 0)
    if len(added) > room:
        ending = _LEFT_OUT.encode()
        kept = added[: max(0, room - len(ending))].decode("utf-8", "ignore").rpartition("\n")[0]
        added = kept.encode() + ending if room >= len(ending) else b""
    with path.open("ab") as file:
        file.write(added)
