"""Standard output and standard error as they may be: closed, full, without a reader, or of few characters."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path


def prepare_streams() -> None:
    """Let both streams take whatever is printed: a closed one swallows it, a character that one lacks is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str) -> None:
    """Print a message on standard error, which may itself be full or gone."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def give_up_output() -> None:
    """Send what is still to be written to nowhere: else Python would try again at exit, and fail with 120."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            try:
                stream.flush()
            except OSError:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
