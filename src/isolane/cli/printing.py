"""How verbs print what they have found."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable

from isolane.cli.progress import Progress
from isolane.reports.characters import one_line


def print_result(options: argparse.Namespace, progress: Progress, data: object, lines: Iterable[str]) -> None:
    """Print what a verb found, as JSON if that is asked for, below what its progress has shown."""
    progress.close()
    if options.json:
        print(json.dumps(data, indent=2, default=str))
    else:
        print_lines(lines)


def print_lines(lines: Iterable[str]) -> None:
    """Print each of them on one line, whatever it holds."""
    for line in lines:
        print(one_line(line))
