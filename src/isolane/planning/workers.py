"""How many workers a run gets, and who said so."""

from __future__ import annotations

from dataclasses import dataclass

from isolane.model.errors import UsageError

VARIABLE = "PYTEST_WORKERS"
DEFAULT_DIST = "loadscope"
_MOST_DIGITS = 6


@dataclass(frozen=True)
class WorkerChoice:
    """count: worker processes, 0 for a serial run, None to leave what is configured. reason: for the header."""

    count: int | None
    reason: str


def parse_worker_count(text: str, available: int, source: str = VARIABLE) -> int:
    """Return the number of workers that ``text`` asks for; 1 means serial where the caller says so.

    available: the processors this process may use, for ``auto``.
    Raises :class:`UsageError` for anything but ``auto`` and whole numbers from 1.

    >>> parse_worker_count("auto", available=8), parse_worker_count("3", available=8)
    (8, 3)
    """
    value = text.strip()
    if value == "auto":
        return available
    if value.isascii() and value.isdigit() and len(value) <= _MOST_DIGITS and int(value) >= 1:
        return int(value)
    raise UsageError(
        "bad-worker-count",
        f"{source}={text!r} is not a number of workers.",
        "Use a whole number from 1 (1 is serial), or auto.",
    )


def choose_workers(
    *, typed: int | str | None, environment: str | None, configured: int | str | None, available: int
) -> WorkerChoice:
    """Return the choice: what is typed wins over the environment, the environment over the ini file.

    typed: ``-n`` on the command line or in PYTEST_ADDOPTS. environment: PYTEST_WORKERS. configured: ``-n`` in the
    ini file's addopts. Raises :class:`UsageError` for a bad PYTEST_WORKERS, also where ``-n`` wins: a variable
    that means nothing is a mistake somebody wants to hear of.
    """
    asked = parse_worker_count(environment, available) if environment and environment.strip() else None
    if typed is not None:
        return WorkerChoice(None, f"-n {typed} given")
    if asked is None:
        if configured is None:
            return WorkerChoice(None, f"{VARIABLE} not set")
        return WorkerChoice(None, f"-n {configured} in the ini file's addopts")
    text = environment.strip() if environment else ""
    if asked == 1 and text != "auto":
        return WorkerChoice(0 if configured is not None else None, f"{VARIABLE}=1")
    if text == "auto":
        return WorkerChoice(asked, f"{VARIABLE}=auto: {asked} processor{'s' if asked != 1 else ''} to use")
    return WorkerChoice(asked, f"{VARIABLE}={text}")
