"""Runs pytest as a process of its own and yields the events that isolane's plugin writes there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from isolane.engines.overlay import python_path
from isolane.history.event_log import FILE_NAME, GAVE_UP, EventLogReader, EventLogWriter
from isolane.model.errors import ExitCode, RecordError
from isolane.model.events import Event, RunFinished, TestFinished, WorkerStopped
from isolane.model.outcome import Category
from isolane.model.plan import HANDOVER_VARIABLE, Handover, RunPlan
from isolane.model.record import RunRecord

OUTPUT_NAME = "output.txt"
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 1.5
"""How long a run that was told to stop may take to tear down, before it is killed."""


def run_pytest(plan: RunPlan, command: Sequence[str], directory: Path, overlay: Path) -> Iterator[Event]:
    """Run ``command`` in the plan's project and yield its events as they happen.

    directory: where the run's event log and output go. overlay: what makes isolane importable there. What the
    process could not write itself is added to the log: tests that were running when it died, and the end.
    A :class:`KeyboardInterrupt` stops the run and everything it started within two seconds, then goes on.
    """
    directory.mkdir(parents=True, exist_ok=True)
    reader = EventLogReader(directory / FILE_NAME)
    record = RunRecord()
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
        while True:
            over = ended.wait(_POLL_SECONDS)
            for event in reader.read():
                last_event = time.monotonic()
                record.add(event)
                yield event
            if over:
                break
            if time.monotonic() - last_event > plan.stall_seconds:
                hung = True
                _kill(process)
    except (KeyboardInterrupt, GeneratorExit):
        _stop(process, ended)
        _close(directory, record, process.wait(), started, hung=False)
        raise
    finally:
        _kill(process)
        waiting.join()
    yield from _close(directory, record, process.returncode, started, hung=hung)


def _wait(process: subprocess.Popen[bytes], ended: threading.Event) -> None:
    process.wait()
    ended.set()


def _environment(plan: RunPlan, directory: Path, overlay: Path) -> dict[str, str]:
    """Return the process's environment; the plugin puts back what is changed here before a test can see it."""
    environment = {**os.environ, **plan.environment}
    changed = {
        "PYTHONPATH": python_path(overlay, environment.get("PYTHONPATH")),
        # isolane's runs neither use nor spoil what the project's own runs remember of the last failures.
        "PYTEST_ADDOPTS": " ".join(
            part for part in (environment.get("PYTEST_ADDOPTS"), f"-o cache_dir='{directory / 'cache'}'") if part
        ),
        "PYTEST_PLUGINS": environment.get("PYTEST_PLUGINS"),
    }
    if environment.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        plugins = [*(["xdist.plugin"] if plan.workers else []), "isolane.pytest_plugin.plugin"]
        changed["PYTEST_PLUGINS"] = ",".join([*filter(None, [changed["PYTEST_PLUGINS"]]), *plugins])
    restore = {name: environment.get(name) for name in changed}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        environment.pop(name, None)
    environment.update({name: value for name, value in changed.items() if value is not None})
    # The project's own coverage data is not overwritten by runs that are not about coverage.
    environment.setdefault("COVERAGE_FILE", str(directory / ".coverage"))
    environment[HANDOVER_VARIABLE] = Handover(
        run_directory=str(directory),
        label=plan.label,
        workers=plan.workers,
        seed=plan.seed,
        order=str(plan.order) if plan.order else None,
        parent=os.getpid(),
        restore=restore,
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


def _close(directory: Path, record: RunRecord, return_code: int, started: float, *, hung: bool) -> list[Event]:
    """Return the events that a run which did not come to its own end is missing, and add them to its log."""
    if record.end is not None:
        return []
    lost = _recording_failure(directory)
    if lost:
        raise RecordError("incomplete-record", lost)
    now = time.time()
    missing: list[Event] = []
    how = _how_it_died(return_code)
    for node_id in sorted(record.running, key=record.running.__getitem__):
        if hung:
            seconds = now - record.running[node_id]
            message = f"no event for so long that the run was killed, {seconds:.0f} s after this test started"
        elif return_code in (ExitCode.INTERRUPTED, -signal.SIGINT):
            continue  # it was told to stop: that test has done nothing wrong
        else:
            message = f"the process {how} while this test ran"
        category = Category.HUNG if hung else Category.CRASHED
        missing.append(TestFinished(now, node_id, "", category, "" if hung else how, message=message))
    if hung or return_code < 0:
        missing.append(WorkerStopped(now, "controller", "hung" if hung else how))
    counts: dict[str, int] = record.counts()
    for event in missing:
        if isinstance(event, TestFinished):
            counts[event.category.value] = counts.get(event.category.value, 0) + 1
    code = return_code if return_code >= 0 else ExitCode.FAILED
    missing.append(
        RunFinished(
            now,
            int(code),
            {"start": now - started}
            if not record.header
            else {"start": record.header.at - record.header.process_started, "tests": now - record.header.at},
            counts,
        )
    )
    writer = EventLogWriter(directory / FILE_NAME)
    for event in missing:
        writer.write(event)
    writer.close()
    return missing


def _recording_failure(directory: Path) -> str:
    """Return what the plugin said of a log that it could not write, or nothing."""
    try:
        output = (directory / OUTPUT_NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return next((line.partition(GAVE_UP)[2].lstrip(": ") for line in output.splitlines() if GAVE_UP in line), "")


def _how_it_died(return_code: int) -> str:
    if return_code >= 0:
        return f"exited with {return_code}"
    try:
        return f"was killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"was killed by signal {-return_code}"
