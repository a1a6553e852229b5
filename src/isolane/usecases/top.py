"""``isolane top``: what goes on in a checkout, from the logs of its runs as they grow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from isolane.coordination.dashboard import LiveDashboard
from isolane.coordination.run_view import RunView
from isolane.history.durations import expected_seconds
from isolane.history.event_log import FILE_NAME, EventLogReader
from isolane.history.runs import runs_directory
from isolane.model.clock import Clock
from isolane.model.errors import RecordError
from isolane.model.events import CollectionFinished
from isolane.usecases.sessions import sessions_of


class Watch:
    """The sessions of a checkout and their runs, read along.

    only: a session's name; None is all that go on. Those that had ended when it began are not shown.
    """

    def __init__(self, project: Path, only: str | None = None, clock: Clock | None = None) -> None:
        self._manager = sessions_of(project, clock)
        self._root = self._manager.directory.parent.parent
        self._only = None if only is None else self._manager.get(only).session_id
        self._readers: dict[str, EventLogReader] = {}
        self.dashboard = LiveDashboard(self._manager.clock)

    def look(self) -> bool:
        """Read what has come; return whether a session goes on."""
        found = [
            one
            for one in self._manager.sessions()
            if (one.session_id in self._readers or not one.state.is_end) and self._only in (None, one.session_id)
        ]
        for session in found:
            name = session.session_id
            reader = self._readers.setdefault(name, EventLogReader(runs_directory(self._root) / name / FILE_NAME))
            try:
                events = reader.read()
            except RecordError:  # of another version of isolane, or damaged: the others are still of interest
                continue
            for event in events:
                self.dashboard.add(name, event)
                if isinstance(event, CollectionFinished):
                    self._expect(self.dashboard.runs[name], event.node_ids)
        self.dashboard.set_sessions(found)
        return bool(self.dashboard.active)

    def _expect(self, run: RunView, node_ids: tuple[str, ...]) -> None:
        seconds = expected_seconds(self._root, node_ids, time.time())
        if seconds is not None:
            run.expect(dict(zip(node_ids, seconds, strict=True)), node_ids)


class PlainLines:
    """What is new, in lines for a log: one a minute, and one a failure."""

    def __init__(self, dashboard: LiveDashboard, clock: Clock) -> None:
        self._dashboard = dashboard
        self._clock = clock
        self._next = clock.monotonic() + 60
        self._failed: dict[str, int] = {}

    def new(self) -> Iterator[str]:
        """Yield the lines that have not been yielded yet."""
        for session, run in self._dashboard.runs.items():
            new = run.failed - self._failed.get(session, 0)
            self._failed[session] = run.failed
            shown = list(run.failures)[-new:] if new else []
            if new > len(shown):
                yield f"{new - len(shown)} more tests failed"
            yield from (f"failed: {one.node_id}: {one.message}" for one in shown)
        if self._clock.monotonic() >= self._next:
            self._next += 60
            yield from (line.text for line in self._dashboard.minute_lines())
