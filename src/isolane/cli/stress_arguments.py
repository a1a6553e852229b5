"""The words of ``isolane stress``: how many runs, until when, of which tests."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RUNS = 10
"""How many are made where nothing is said."""
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smh]?)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


class StressParser(argparse.ArgumentParser):
    """Takes tests before options, between them and behind them, and the number of runs for what comes first."""

    _is_inside = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse, then see which of the words is which."""
        if self._is_inside:
            return super().parse_known_args(args, namespace)
        self._is_inside = True
        try:
            found, unknown = self.parse_known_intermixed_args(args, namespace)
        finally:
            self._is_inside = False
        words = list(found.words)
        del found.words
        has_end = found.until_rate is not None or found.seconds is not None
        found.runs = None if has_end else RUNS
        if words and (words[0].isascii() and words[0].isdigit() and int(words[0])):
            found.runs = int(words.pop(0))
        elif words and not (has_end or _may_be_test(words[0])):
            self.error(f"argument N: {words[0]!r} is not a whole number from 1")
        # One folder by itself is the project, as it is for the other verbs.
        if len(words) == 1 and found.project == Path() and Path(words[0]).is_dir():
            found.project = Path(words.pop())
        found.tests = words
        return found, unknown


def add_stress(parser: argparse.ArgumentParser) -> None:
    """Add what only this verb takes."""
    parser.usage = (
        "isolane stress [N] [--until-rate RATE] [--for TIME] [-n W] [--orders varied|held] [options] [TEST ...]"
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="N, TEST",
        help=f"how many whole runs (default: {RUNS}); files and node ids to run, or the project's folder",
    )
    parser.add_argument(
        "--until-rate",
        type=_rate,
        metavar="RATE",
        help="go on until no test can have a flake rate over this, like 1%%, at 95%% confidence",
    )
    parser.add_argument(
        "--for", dest="seconds", type=_duration, metavar="TIME", help="go on for so long, like 90s, 10m or 1h"
    )
    parser.add_argument(
        "-n", "--workers", metavar="W", default="auto", help="runs side by side, 1 is one at a time (default: auto)"
    )
    parser.add_argument(
        "--orders",
        choices=("varied", "held"),
        metavar="HOW",
        default="held",
        help="varied: another order and seed for each run; held: the same for all (default: held)",
    )
    parser.add_argument("--seed", type=int, help="shuffle in the order drawn by this number; varied: the first of them")
    parser.add_argument("--fresh", action="store_true", help="each run in a new interpreter, which imports all anew")
    parser.add_argument(
        "--project", type=Path, default=Path(), metavar="DIR", help="the project's folder (default: here)"
    )


def _may_be_test(word: str) -> bool:
    return "::" in word or Path(word).exists()


def _rate(text: str) -> float:
    found = _RATE.fullmatch(text)
    rate = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < rate < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate between 0 and 1, like 1% or 0.01")
    return rate


def _duration(text: str) -> float:
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time over 0, like 90s, 10m or 1h")
    return seconds
