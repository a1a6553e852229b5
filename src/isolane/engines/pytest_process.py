"""Runs pytest as a process of its own and yields the events that isolane's plugin writes there."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from isolane.engines.aftermath import OUTPUT_NAME, close, correct_exit_code
from isolane.engines.base import RunLog
from isolane.engines.overlay import python_path
from isolane.model.errors import RecordError
from isolane.model.events import Event, RunStarted
from isolane.model.plan import HANDOVER_VARIABLE, STALL_SECONDS, Handover, RunPlan
from isolane.model.record import RunRecord
from isolane.planning.workers import VARIABLE

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.5
"""How long a run that was told to stop may take to tear down, before it is killed."""


def run_pytest(plan: RunPlan, command: Sequence[str], log: RunLog, overlay: Path) -> Iterator[Event]:
    """Run ``command`` in the plan's project and yield its events as they happen.

    log: where the process writes its events, and where its output goes. overlay: what makes isolane importable
    there. What the process could not write itself is added to the log: tests that were running when it died, and
    the end.
    A :class:`KeyboardInterrupt` stops the run and everything it started within two seconds, then goes on.
    """
    directory = log.directory
    directory.mkdir(parents=True, exist_ok=True)
    record = RunRecord()
    unread: list[Event] = []
    started = time.time()
    hung = False
    with (directory / OUTPUT_NAME).open("wb") as output:
        process = subprocess.Popen(
            list(command),
            cwd=plan.project,
            env=_environment(plan, directory, overlay),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ended = threading.Event()
    waiting = threading.Thread(target=_wait, args=(process, ended), daemon=True)
    waiting.start()
    try:
        last_event = time.monotonic()
        limit = plan.stall_seconds or STALL_SECONDS
        while True:
            over = ended.wait(_POLL_SECONDS)
            unread += log.read()
            while unread:
                event = unread.pop(0)
                last_event = time.monotonic()
                if plan.stall_seconds is None and isinstance(event, RunStarted):
                    limit = float(event.settings.get("stall-timeout") or STALL_SECONDS)
                record.add(event)
                yield event
            if over:
                break
            hang = plan.hang_seconds if plan.hang_seconds is not None and record.node_ids else limit
            if time.monotonic() - last_event > min(limit, hang):
                hung = True
                _kill(process)
    except (KeyboardInterrupt, GeneratorExit):
        _stop(process, ended)
        with contextlib.suppress(RecordError):  # that it was interrupted says more
            for event in (*unread, *log.read()):  # what came since the last look, and while it ended
                record.add(event)
            # Killed by ourselves, where its teardown took too long, it was interrupted all the same.
            code = process.wait()
            close(log, record, -signal.SIGINT if code == -signal.SIGKILL else code, started, hung=False)
        raise
    finally:
        _kill(process)
        waiting.join()
    yield from close(log, record, process.returncode, started, hung=hung)
    yield from correct_exit_code(log, record, process.returncode)


def worker_command(plan: RunPlan) -> tuple[str, ...]:
    """Return ``python -m pytest -n N --dist MODE`` with the plan's arguments: the same for every engine of workers."""
    dist = ("--dist", plan.dist) if plan.dist else ()
    return (plan.python, "-m", "pytest", "-n", str(plan.workers), *dist, *plan.arguments)


def _wait(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _environment(plan: RunPlan, directory: Path, overlay: Path) -> dict[str, str]:
    """Return the process's environment; the plugin puts back what is changed here before a test can see it."""
    environment = {**os.environ, **plan.environment}
    cache = shlex.join(["-o", f"cache_dir={directory / 'cache'}"])
    changed = {
        "PYTHONPATH": python_path(overlay, environment.get("PYTHONPATH")),
        # isolane's runs neither use nor spoil what the project's own runs remember of the last failures.
        "PYTEST_ADDOPTS": " ".join(part for part in (environment.get("PYTEST_ADDOPTS"), cache) if part),
        "PYTEST_PLUGINS": environment.get("PYTEST_PLUGINS"),
    }
    if environment.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        plugins = [*(["xdist.plugin"] if plan.workers else []), "isolane.pytest_plugin.plugin"]
        changed["PYTEST_PLUGINS"] = ",".join([*filter(None, [changed["PYTEST_PLUGINS"]]), *plugins])
    restore = {name: environment.get(name) for name in changed}
    # The plan has answered PYTEST_WORKERS. A pytest that a test starts would take it up again in a serial run, though
    # never in a worker: the runs would differ for no fault of the suite's.
    for name in (VARIABLE, "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        environment.pop(name, None)
    environment.update({name: value for name, value in changed.items() if value is not None})
    # The project's own coverage data is not overwritten by runs that are not about coverage.
    environment.setdefault("COVERAGE_FILE", str(directory / ".coverage"))
    environment[HANDOVER_VARIABLE] = Handover(
        run_directory=str(directory),
        label=plan.label,
        workers=plan.workers,
        engine=plan.engine,
        seed=plan.seed,
        order=str(plan.order) if plan.order else None,
        parent=os.getpid(),
        restore=restore,
        probe=plan.probe,
        copied=plan.copied,
    ).encode()
    return environment


def _stop(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    """Interrupt the run, give it time to tear down, kill what is left of its process group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    ended.wait(_GRACE_SECONDS)
    _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left in the run's process group: also workers whose controller has gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
