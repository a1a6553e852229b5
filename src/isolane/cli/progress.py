"""What a person sees while runs go on: a live line on a terminal, a plain line a run elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any, Protocol, TextIO

from isolane.model.events import CollectionFinished, Event, TestFinished
from isolane.model.outcome import BAD
from isolane.model.plan import RunPlan
from isolane.model.record import RunRecord
from isolane.reports.figures import seconds_text
from isolane.usecases.observer import Observer, Silence


class Progress(Observer, Protocol):
    """An observer that has something on the screen."""

    def close(self) -> None:
        """Set what follows apart from the runs' lines; more than once does no harm."""
        ...


def new_progress(*, quiet: bool, stream: TextIO | None = None) -> Progress:
    """Return what fits: nothing where only data is wanted, rich on a terminal that has it, else plain lines."""
    if quiet:
        return NoProgress()
    output = stream or sys.stderr
    if output.isatty():
        try:
            return LiveProgress(output)
        except ImportError:
            pass  # rich is an extra: isolane[terminal]
    return PlainProgress(output)


class NoProgress(Silence):
    """Nothing."""

    def close(self) -> None:
        """Pass over."""


class PlainProgress:
    """One line a run, when it is over: for CI logs and files."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._number = 0
        self._printed = False

    def run_started(self, title: str, plan: RunPlan) -> None:
        """Count."""
        self._number += 1

    def event(self, event: Event) -> None:
        """Pass over."""

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """Print the line."""
        self._print(f"[{self._number:>2}] {finished_line(title, record, remark)}")
        self._printed = True

    def close(self) -> None:
        """Print an empty line behind the others."""
        if self._printed:
            self._print("")
        self._printed = False

    def _print(self, line: str) -> None:
        """Print, or do without: no run fails because nobody can be told how far it is."""
        with contextlib.suppress(OSError):
            print(line, file=self._stream, flush=True)


class LiveProgress:
    """The run that goes on, its counts, the time it has taken and is expected to take still."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        self._text: type[Text] = Text
        self._number = 0
        self._title = ""
        self._printed = False
        self._started = 0.0
        self._total = self._done = self._failed = 0
        self._live = Live(console=Console(file=stream), refresh_per_second=8, transient=True, get_renderable=self._line)

    def run_started(self, title: str, plan: RunPlan) -> None:
        """Show a new line."""
        if not self._live.is_started:
            self._live.start()
        self._number += 1
        self._title, self._started = title, time.monotonic()
        self._total = self._done = self._failed = 0

    def event(self, event: Event) -> None:
        """Count."""
        if isinstance(event, CollectionFinished):
            self._total = len(event.node_ids)
        elif isinstance(event, TestFinished):
            self._done += 1
            self._failed += event.category in BAD

    def run_finished(self, title: str, record: RunRecord, remark: str) -> None:
        """Leave the run's line above."""
        self._live.console.print(f"[{self._number:>2}] {finished_line(title, record, remark)}", markup=False)
        self._printed = True

    def close(self) -> None:
        """Take the live line away, give the cursor back, and print an empty line behind the others."""
        self._live.stop()
        if self._printed:
            self._live.console.print()
        self._printed = False

    def _line(self) -> Any:
        elapsed = time.monotonic() - self._started
        counts = f"{self._done}/{self._total}" if self._total else "collecting"
        failed = f", {self._failed} failed" if self._failed else ""
        if 0 < self._done < self._total:
            left = elapsed / self._done * (self._total - self._done)
            estimate = f", about {seconds_text(left)} left"
        else:
            estimate = ""
        return self._text(
            f"     {self._title}: {counts}{failed}, {seconds_text(elapsed)}{estimate}",
            no_wrap=True,
            overflow="ellipsis",
        )


def finished_line(title: str, record: RunRecord, remark: str) -> str:
    """Return a run in a line: name, the engine of its workers if it has any, tests, failures, remark, time."""
    failed = sum(outcome.is_bad for outcome in record.outcomes.values())
    count = len(record.outcomes)
    parts = [
        f"{count} test{'' if count == 1 else 's'}",
        *([f"{failed} failed"] if failed else []),
        *([remark] if remark else []),
    ]
    engine = f" ({record.engine})" if record.header and record.header.workers else ""
    return f"{title}{engine}: {', '.join(parts)}, {seconds_text(record.seconds)}"
