"""A dashboard that follows its runs: a picture on a terminal, plain lines elsewhere.

Run as a program, ``python -m isolane.cli.live PROJECT SESSION``, it is what ``pytest --isolane-live`` shows, and ends
when its standard input does.
"""

from __future__ import annotations

import contextlib
import gc
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from isolane.cli.streams import give_up_output, prepare_streams
from isolane.coordination.dashboard import Line, styled
from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import IsolaneError
from isolane.reports.characters import one_line
from isolane.usecases.top import PlainLines, Watch

PERIOD = 1.0
"""Seconds between two looks."""

Pause = Callable[[float], bool]
"""Waits that many seconds; returns whether it is to go on."""


def watch_along(watch: Watch, stream: TextIO, clock: Clock | None = None, pause: Pause | None = None) -> None:
    """Show what goes on until the last session has ended, or ``pause`` has enough."""
    clock = clock or SystemClock()
    if pause is None:
        sleep = clock.sleep

        def pause(seconds: float) -> bool:
            sleep(seconds)
            return True

    if stream.isatty():
        try:
            _draw(watch, stream, pause)
        except ImportError:
            pass  # rich is an extra: isolane[terminal]
        else:
            return
    lines = PlainLines(watch.dashboard, clock)
    goes_on = True
    while goes_on:
        goes_on = watch.look() and pause(PERIOD)
        if not goes_on:
            watch.look()  # what has come while it waited
        for line in lines.new():
            print(f"isolane: {one_line(line)}", file=stream, flush=True)


def _draw(watch: Watch, stream: TextIO, pause: Pause) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, highlight=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while watch.look():
            lines = watch.dashboard.lines(console.width, console.height - 1)
            live.update(styled([Line(one_line(line.text), line.style) for line in lines]), refresh=True)
            if not pause(PERIOD):
                return


def main() -> None:
    """Follow one session for the process that holds the other end of standard input."""
    gc.disable()  # it is there for a run, and makes next to no cycles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run hears Ctrl-C, and ends this
    prepare_streams()

    def pause(seconds: float) -> bool:
        readable, _, _ = select.select([sys.stdin], [], [], seconds)
        return not readable

    with contextlib.suppress(OSError, IsolaneError):  # the terminal has gone, or the run: that is told elsewhere
        watch_along(Watch(Path(sys.argv[1]), sys.argv[2]), sys.stdout, pause=pause)
    give_up_output()


if __name__ == "__main__":
    main()
