"""What goes on in a checkout, as a picture of characters and as data: sessions, their workers, what each runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from isolane.coordination.run_view import RunView
from isolane.coordination.sessions import Session
from isolane.model.clock import Clock, SystemClock
from isolane.model.events import Event

_LEAST_WIDTH = 40
_BAR = 20
_STYLES = {"head": "bold", "good": "green", "bad": "red", "dim": "bright_black", "": ""}


class Line(NamedTuple):
    """A line of the picture, never wider than it. style: what it is, one of ``head``, ``good``, ``bad``, ``dim``."""

    text: str
    style: str = ""


class LiveDashboard:
    """Sessions and the events of their runs, as of the latest.

    memory: asked for a process's resident bytes; None where that is not known.
    """

    def __init__(self, clock: Clock | None = None, *, memory: Callable[[int], int | None] | None = None) -> None:
        self._clock = clock or SystemClock()
        self._memory = memory or resident_bytes
        self.sessions: list[Session] = []
        self.runs: dict[str, RunView] = {}

    def set_sessions(self, sessions: Iterable[Session]) -> None:
        """Take in which sessions there are, those that are over among them."""
        self.sessions = list(sessions)

    def add(self, session_id: str, event: Event) -> None:
        """Take in what has happened in a session's run."""
        self.runs.setdefault(session_id, RunView()).add(event)

    @property
    def active(self) -> list[Session]:
        """Return the sessions that go on."""
        return [one for one in self.sessions if not one.state.is_end]

    # -- as data

    def get_summary(self) -> dict[str, dict[str, Any]]:
        """Return the figures of all sessions together.

        ``workers``: total, idle, busy, offline, utilisation (0 to 1, of those that go on); ``sessions``: active, total;
        ``tasks``: queued, completed, failed (among the completed).
        """
        now = self._clock.now()
        going_on = {one.session_id for one in self.active}
        live = [run for name, run in self.runs.items() if name in going_on]
        workers = sum(len(run.live_workers) for run in live)
        busy = sum(run.busy for run in live)
        shares = [(run.utilisation(now), len(run.workers)) for run in live if run.workers]
        weight = sum(count for _, count in shares)
        offline = sum(len(run.workers) for run in self.runs.values()) - workers
        return {
            "workers": {
                "total": workers + offline,
                "idle": workers - busy,
                "busy": busy,
                "offline": offline,
                "utilisation": sum(share * count for share, count in shares) / weight if weight else 0.0,
            },
            "sessions": {"active": len(going_on), "total": len(self.sessions)},
            "tasks": {
                "queued": sum(run.queued for run in live),
                "completed": sum(run.done for run in self.runs.values()),
                "failed": sum(run.failed for run in self.runs.values()),
            },
        }

    def as_data(self) -> dict[str, Any]:
        """Return all of it as what JSON can hold; times in seconds, memory in bytes."""
        now = self._clock.now()
        return {"at": now, **self.get_summary(), "runs": [self._run_as_data(one, now) for one in self.active]}

    def _run_as_data(self, session: Session, now: float) -> dict[str, Any]:
        run = self.runs.get(session.session_id, RunView())
        return {
            "session": session.session_id,
            "title": session.title,
            "state": session.state.value,
            "seconds": now - session.created,
            "total": run.total,
            "done": run.done,
            "failed": run.failed,
            "queued": run.queued,
            "seconds_left": run.seconds_left(now),
            "memory": self._memory_of(session, run),
            "running": [{**asdict(one), "seconds": now - one.since} for one in run.longest_running()],
            "workers": [{**asdict(one), "live": one.stopped is None} for one in run.workers.values()],
            "failures": [asdict(one) for one in run.failures],
        }

    def _memory_of(self, session: Session, run: RunView) -> int | None:
        processes = {session.process_id, *(one.process_id for one in run.live_workers if one.process_id)}
        known = [size for size in map(self._memory, sorted(processes)) if size is not None]
        return sum(known) if known else None

    # -- as a picture

    def render(self, width: int = 80, *, height: int | None = None, color: bool = False) -> str:
        """Return the picture, each line at most ``width`` characters (40 at least) wide.

        height: how many lines it may have; workers that do not fit are counted in a last line. color: with the
        terminal's colours, which takes rich; without them the words say the same.
        """
        lines = self.lines(width, height)
        if not color:
            return "\n".join(line.text for line in lines)
        from rich.console import Console

        stream = StringIO()
        Console(file=stream, width=width, force_terminal=True, color_system="standard", highlight=False).print(
            styled(lines)
        )
        return stream.getvalue().rstrip("\n")

    def lines(self, width: int, height: int | None = None) -> list[Line]:
        """Return the picture's lines."""
        width = max(width, _LEAST_WIDTH)
        now = self._clock.now()
        active = self.active
        summary = self.get_summary()
        workers, tasks = summary["workers"], summary["tasks"]
        head = (
            f"{_count(len(active), 'session')}, {_count(workers['idle'] + workers['busy'], 'worker')} "
            f"({workers['busy']} busy, {workers['idle']} idle), {workers['utilisation']:.0%} in use, "
            f"{tasks['queued']} queued"
        )
        blocks = [self._block(session, now, width) for session in active]
        room = None if height is None else max(1, (height - 1) // max(1, len(blocks)))
        return [Line(_cut(head, width), "head"), *(line for block in blocks for line in _fitted(block, room))]

    def minute_lines(self) -> list[Line]:
        """Return a line for each session, for a log: how far it is, and what has run for longest."""
        now = self._clock.now()
        lines = []
        for session in self.active:
            run = self.runs.get(session.session_id, RunView())
            longest = next(iter(run.longest_running()), None)
            at = "" if longest is None else f"; {longest.node_id} for {_time(now - longest.since)}"
            lines.append(Line(f"{session.session_id}:{self._progress(session, run, now)[1:]}{at}"))
        return lines

    def _block(self, session: Session, now: float, width: int) -> list[Line]:
        run = self.runs.get(session.session_id, RunView())
        return [
            Line(_cut(f"{session.session_id}  {session.state.value}  {session.title}", width), "head"),
            Line(_cut(self._progress(session, run, now), width), "bad" if run.failed else "good"),
            *(Line(_row("failed", f"{one.node_id}  {one.message}", "", width), "bad") for one in run.failures),
            *self._worker_lines(run, now, width),
        ]

    def _progress(self, session: Session, run: RunView, now: float) -> str:
        lasted = _time(now - session.created)
        if run.total is None:
            return f"  collecting, {lasted}"
        full = _BAR * run.done // run.total if run.total else _BAR
        left = run.seconds_left(now)
        memory = self._memory_of(session, run)
        parts = [
            f"  [{'#' * full}{'.' * (_BAR - full)}] {run.done}/{run.total}",
            f"{run.failed} failed",
            lasted,
            *([] if left is None else [f"about {_time(left)} left"]),
            *([] if memory is None else [f"{memory / 1e6:.0f} MB"]),
        ]
        return ", ".join(parts)

    @staticmethod
    def _worker_lines(run: RunView, now: float, width: int) -> list[Line]:
        """Return the workers, that first which has been at its test for longest; those that wait and are gone last."""
        running = run.longest_running()
        known = {one.worker for one in running}
        lines = [Line(_row(one.worker or "?", one.node_id, _time(now - one.since), width)) for one in running]
        # Where nobody tells who runs what, as many fewer are idle.
        idle = [one for one in run.live_workers if one.name not in known][sum(not one.worker for one in running) :]
        lines += [Line(_row(one.name, "idle", f"{one.done} done", width), "dim") for one in idle]
        gone = [one for one in run.workers.values() if one.stopped is not None]
        return lines + [
            Line(_row(one.name, f"gone: {one.reason or 'told to'}", f"{one.done} done", width), "dim") for one in gone
        ]


def styled(lines: Sequence[Line]) -> Any:
    """Return the lines as rich's text."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ellipsis")
    for number, line in enumerate(lines):
        text.append("\n" * bool(number))
        text.append(line.text, style=_STYLES[line.style])
    return text


def resident_bytes(process: int) -> int | None:
    """Return how much memory a process has, from /proc; None where there is none, or the process has gone."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def _fitted(block: list[Line], room: int | None) -> list[Line]:
    if room is None or len(block) <= room:
        return block
    kept = block[: max(0, room - 1)]
    return [*kept, Line(f"  … {len(block) - len(kept)} more lines", "dim")]


def _row(name: str, text: str, end: str, width: int) -> str:
    """Return a line of three columns; of a text that is too long the end stays, where a test has its name."""
    room = width - 2 - 8 - len(end) - 1
    if len(text) > room:
        text = f"…{text[len(text) - room + 1 :]}" if end else f"{text[: room - 1]}…"
    return f"  {_cut(name, 7):<7} {text:<{room}} {end}".rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _time(seconds: float) -> str:
    """Return a time as short as it can be read: 0.4 s, 12 s, 3:05, 1:02:03."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
