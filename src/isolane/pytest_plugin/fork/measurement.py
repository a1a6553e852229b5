"""Coverage in forked workers: what was measuring in the controller goes on measuring in each worker.

A worker writes a data file of its own when it ends. Until then it notes after each test which lines are new, in a
file that the controller can read: a worker that is killed loses what its current test has run, and nothing else.
Writing a data file after each test would do the same at a hundred times the price.

coverage.py offers no way to give a forked process its own data file, or to look at what was measured without
clearing it. What is used of its inside is listed in ``_INSIDE``; where it is not there, a run is not forked.
"""

from __future__ import annotations

import contextlib
import io
import marshal
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

_INSIDE = {
    "_collector": ("data", "file_tracers", "flush_data", "_activity"),
    "_data": ("_suffix", "_choose_filename"),
}
"""What a started ``Coverage`` and its parts have, from coverage.py 5 to 7."""
_Noted = list[tuple[str, "str | None", set[Any]]]
"""Of one test: a file, the coverage plugin that traces it, and what is new: line numbers, or arcs."""


class Measurement:
    """What the controller keeps of its workers' coverage. Made before the first fork; see :func:`measurement_of`."""

    def __init__(self, config: pytest.Config, coverage: Any) -> None:
        self._config = config
        self._coverage = coverage
        self._started = list(getattr(type(coverage), "_instances", [coverage]))
        self._suffix = f"{socket.gethostname()}.pid{os.getpid()}"
        self._base = str(Path(coverage.config.data_file).absolute())
        self._notes: dict[str, Any] = {}

    # -- in the controller

    def worker_starts(self, worker: str) -> None:
        """Open what the worker will write its notes to."""
        self._notes[worker] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed when the worker has ended

    def worker_stopped(self, worker: str) -> None:
        """Take no notice of its notes: what it measured is in its data file."""
        self._notes.pop(worker).close()

    def worker_crashed(self, worker: str) -> None:
        """Add what the worker had noted to what was measured here."""
        with self._notes.pop(worker) as notes:
            notes.seek(0)
            stream = io.BytesIO(notes.read())
        collector = self._coverage._collector
        with contextlib.suppress(EOFError, ValueError, TypeError):  # it was killed while it wrote the last one
            while True:
                for file, tracer, new in marshal.load(stream):
                    collector.data.setdefault(file, set()).update(new)
                    if tracer:
                        collector.file_tracers[file] = tracer
        collector._activity = lambda: True  # nothing needs to have run here for there to be something to flush
        try:
            collector.flush_data()
        finally:
            del collector._activity

    def end(self) -> None:
        """Bring the workers' data files in, where nobody will combine them: after ``coverage run`` without ``-p``."""
        for worker in tuple(self._notes):
            self.worker_crashed(worker)  # it was not allowed to end
        if self._coverage.get_option("run:parallel"):
            return
        base = Path(self._base)
        data = self._coverage.get_data()
        for file in sorted(base.parent.glob(f"{base.name}.{self._suffix}.gw*")):
            theirs = type(data)(basename=str(file))
            with contextlib.suppress(sys.modules["coverage"].exceptions.CoverageException):  # torn by a kill
                theirs.read()
                data.update(theirs)
            file.unlink()

    # -- in a worker

    def enter(self, worker: str) -> WorkerMeasurement:
        """Give the worker its own data file; nothing of the controller's is written by it."""
        # coverage's own patch of fork stops what was measuring; it starts another, but 7.16 only with patch=subprocess.
        started = type(self._coverage).current()
        current = started or self._coverage
        for coverage in {id(one): one for one in (*self._started, current)}.values():
            coverage._data._suffix = f"{self._suffix}.{worker}.{os.getpid()}"  # a worker may have several processes
            coverage._data._choose_filename()
            coverage._warn_no_data = coverage._warn_unimported_source = coverage._warn_preimported_source = False
        cov = self._config.pluginmanager.getplugin("_cov")
        controller = getattr(cov, "cov_controller", None)
        if controller is not None:
            controller.cov = current
            controller.started = True  # pytest-cov's contexts are switched in workers only
        if started is None:
            current.start()
        notes = self._notes[worker]
        switched = self._config.pluginmanager.hasplugin("_cov_contexts") or current.get_option("run:dynamic_context")
        return WorkerMeasurement(current, None if switched else notes.fileno())


class WorkerMeasurement:
    """What a worker does with its coverage.

    notes: descriptor to write to after each test; None where contexts are switched from test to test: coverage then
    writes its data file at each switch.
    """

    def __init__(self, coverage: Any, notes: int | None) -> None:
        self._coverage = coverage
        self._notes = notes
        self._collector = coverage._collector
        self._lines: dict[str, set[Any]] = self._collector.data
        for lines in self._lines.values():
            lines.clear()  # what was run before the fork is for the controller to write
        self._seen: dict[str, set[Any]] = {}
        self._total = 0

    def test_over(self) -> None:
        """Note what the test was the first to run in this worker."""
        if self._notes is None:
            return
        sets = self._lines.copy()  # a thread of the test's may still add to them; copying is atomic
        total = sum(map(len, sets.values()))
        if total == self._total:
            return
        self._total = total
        noted: _Noted = []
        for file, lines in sets.items():
            seen = self._seen.get(file)
            if seen is None or len(lines) != len(seen):
                now = lines.copy()
                noted.append((file, self._collector.file_tracers.get(file), now - seen if seen else now))
                self._seen[file] = now
        try:
            os.write(self._notes, marshal.dumps(noted))
        except OSError:  # no room for notes: from here on, a kill loses what was run
            self._notes = None

    def save(self, *, stop: bool = False) -> None:
        """Write the data file."""
        if stop:
            self._coverage.stop()
        self._coverage.save()


def measurement_of(config: pytest.Config) -> Measurement | None:
    """Return what is to be done about coverage; None where nothing measures."""
    current = _current()
    return Measurement(config, current) if current is not None else None


def obstacle_of_coverage() -> str | None:
    """Return that coverage is measured by a coverage.py that is not known here."""
    current = _current()
    if current is None or all(
        hasattr(getattr(current, part, None), name) for part, names in _INSIDE.items() for name in names
    ):
        return None
    return f"coverage.py {sys.modules['coverage'].__version__} is not known to be forked safely"


def _current() -> Any:
    module = sys.modules.get("coverage")
    return module.Coverage.current() if module is not None else None
