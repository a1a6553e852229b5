"""What other plugins, and pytest's own, need in a forked worker, where under xdist they would have started anew.

Each of these is what the plugin itself does at the start or the end of an xdist worker.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import os
import random
import sys
import threading
import weakref
from typing import Any

import pytest

from isolane.pytest_plugin.fork.measurement import Measurement, WorkerMeasurement, measurement_of

SESSION_FINISH_IN_WORKERS = ("syrupy",)
"""Plugins whose ``pytest_sessionfinish`` tells the controller what the worker has seen."""
LISTENERS_IN_WORKERS = ("syrupy",)
"""Plugins that note in a worker what they tell the controller at its end: they hear of tests there too."""
KNOWN_PLUGINS = ("isolane", "xdist", "_cov", "pytest_cov", "randomly", "pytest_randomly", "rerunfailures", "syrupy")
"""Plugins that ask for a worker's identity before any test, and get on without it here: tested one by one."""


def is_harmless(thread: threading.Thread) -> bool:
    """Return whether the thread may be alive at a fork: it only waits for connections, and workers never use it."""
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", "") == "pytest_rerunfailures" and getattr(
        target, "__qualname__", ""
    ).startswith("ServerStatusDB.")


def unused_descriptors(config: pytest.Config) -> set[int]:
    """Return what plugins have open in the controller and workers never touch."""
    server = getattr(getattr(config, "failures_db", None), "sock", None)
    return {server.fileno()} if server is not None else set()


class ControllerState:
    """What is noted in the controller, for workers and of them. Made when the plugin is loaded."""

    def __init__(self) -> None:
        self._random_at_start = random.getstate()
        self._random_at_fork: object = None
        self._measurement: Measurement | None = None
        self._ended_well = 0

    def before_fork(self, config: pytest.Config, *, measures: bool = True) -> None:
        """Note whether somebody has seeded ``random``, and who measures, if that goes on."""
        self._measurement = measurement_of(config) if measures else None
        now = random.getstate()
        # Python reseeds it in a forked child, which is right where nobody cares, and wrong where a conftest has
        # seeded it: under xdist each worker would have seeded it the same.
        self._random_at_fork = now if now != self._random_at_start else None

    def worker_starts(self, worker: str) -> None:
        """A worker is about to be forked."""
        if self._measurement is not None:
            self._measurement.worker_starts(worker)

    def worker_ended(self, worker: str, *, crashed: bool) -> None:
        """It is there no more."""
        self._ended_well += not crashed
        if self._measurement is not None:
            (self._measurement.worker_crashed if crashed else self._measurement.worker_stopped)(worker)

    def run_over(self, config: pytest.Config) -> None:
        """No worker is left."""
        if config.pluginmanager.hasplugin("syrupy"):
            # It wants a report of as many workers as there are, or it leaves unused snapshots alone. xdist starts
            # them even where there is no work, and replaces each that dies.
            config.option.numprocesses = self._ended_well or 2
        benchmark = getattr(config, "_benchmarksession", None)
        if benchmark is not None:
            benchmark.xdist_benchmark_found = False  # the first worker has told of them
        if self._measurement is not None:
            self._measurement.end()

    def after_fork(self, worker: str) -> WorkerMeasurement | None:
        """Take up the seeded state and the measuring again: in the worker."""
        if self._random_at_fork is not None:
            random.setstate(self._random_at_fork)  # type: ignore[arg-type]
        return self._measurement.enter(worker) if self._measurement is not None else None


def enter_worker(config: pytest.Config, workerinput: dict[str, Any]) -> None:
    """Do what plugins would do at the start of a worker."""
    _own_exit_handlers()
    _own_children()
    _own_file_locks()
    _show_frozen_objects()
    _own_directories(config, workerinput["workerid"])
    if hasattr(config, "failures_db") and "sock_port" in workerinput:
        # pytest-rerunfailures counts failures in the controller, and its workers ask over a socket.
        module = sys.modules["pytest_rerunfailures"]
        wanted = [workerinput[name] for name in ("sock_port", "statusdb_token") if name in workerinput]
        config.failures_db = module.ClientStatusDB(*wanted)


def leave_worker(session: pytest.Session, exitstatus: int, measurement: WorkerMeasurement | None) -> None:
    """Do what plugins would do at the end of a worker, and fill ``config.workeroutput``."""
    config: Any = session.config
    output: dict[str, Any] = config.workeroutput
    output["exitstatus"] = exitstatus
    for name in SESSION_FINISH_IN_WORKERS:
        plugin = config.pluginmanager.getplugin(name)
        finish = getattr(plugin, "pytest_sessionfinish", None)
        if finish is not None:
            finish(session=session, exitstatus=exitstatus)
    benchmark: Any = getattr(config, "_benchmarksession", None)
    if getattr(benchmark, "xdist_benchmark_found", False) and config.workerinput["workerid"] == "gw0":
        with contextlib.suppress(Exception):  # a warning that is an error is lost there, too
            benchmark.pytest_unconfigure()
    if measurement is not None:
        measurement.save()
    cov = config.pluginmanager.getplugin("_cov")
    if getattr(cov, "cov_controller", None) is not None and hasattr(config, "workerinput"):
        output["cov_worker_node_id"] = config.workerinput["workerid"]


def end_worker(measurement: WorkerMeasurement | None) -> None:
    """Run the exit handlers that were registered in this worker; the controller's are not its business."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        with contextlib.suppress(Exception):
            util._exit_function()
    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()
    if measurement is not None:
        measurement.save(stop=True)


def _own_exit_handlers() -> None:
    """Leave the controller's exit handlers to the controller, and let tests register theirs."""
    atexit._clear()
    finalizers: Any = weakref.finalize
    for one in list(finalizers._registry):
        one.atexit = False
    finalizers._registered_with_atexit = False  # else the next one would believe that the handler is there


def _own_children() -> None:
    """Forget the controller's multiprocessing children and finalizers, as multiprocessing does in its own."""
    util = sys.modules.get("multiprocessing.util")
    if util is None:
        return
    util._finalizer_registry.clear()
    util._run_after_forkers()
    process = sys.modules["multiprocessing.process"]
    process._children = set()  # type: ignore[attr-defined]


def _own_file_locks() -> None:
    """Let filelock's locks that a module made when it was imported be used: none is held here, yet it refuses them."""
    module = sys.modules.get("filelock._api")
    for lock in list(getattr(module, "_FORK_OBJECTS", {}).values()):
        if isinstance(lock, module.BaseFileLock) and lock._creator_pid == os.getppid():  # type: ignore[union-attr]
            lock._creator_pid = os.getpid()


def _show_frozen_objects() -> None:
    """Let whoever looks through all objects see those of before the fork: what is frozen is left out otherwise.

    Hypothesis does, to see whether a generator of random numbers is kept alive by anybody.
    """
    get_objects, get_referrers = gc.get_objects, gc.get_referrers

    def thaw() -> None:
        gc.unfreeze()
        gc.get_objects, gc.get_referrers = get_objects, get_referrers

    def all_objects(generation: int | None = None) -> list[Any]:
        thaw()
        return get_objects(generation)

    def all_referrers(*objs: Any) -> list[Any]:
        thaw()
        return [one for one in get_referrers(*objs) if one is not objs]

    gc.get_objects, gc.get_referrers = all_objects, all_referrers


def _own_directories(config: pytest.Config, worker: str) -> None:
    factory = getattr(config, "_tmp_path_factory", None)
    if factory is None:
        return
    base = factory.getbasetemp() / f"popen-{worker}"
    base.mkdir(mode=0o700, exist_ok=True)
    factory._basetemp = base
