"""Which engine runs the tests: decided when all arguments are known, and once more when everything is imported."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any

import pytest

from isolane.model.plan import Handover
from isolane.pytest_plugin.options import value_of

engine_key = pytest.StashKey["Engine"]()


@dataclass(frozen=True)
class Engine:
    """name: ``serial``, ``xdist`` or ``fork``. workers: 0 for serial. obstacle: why it is not fork. asked: by whom."""

    name: str
    workers: int = 0
    obstacle: str = ""
    forced: bool = False


def engine_of(config: pytest.Config) -> Engine:
    """Return the engine in force; serial before it is decided."""
    return config.stash.get(engine_key, Engine("serial"))


def workers_of(config: pytest.Config) -> int:
    """Return how many workers this run has; 0 where it is serial, or itself a worker."""
    return engine_of(config).workers


def choose_engine(config: pytest.Config, handover: Handover | None) -> Engine:
    """Decide, before any plugin is configured, and leave the options as the engine needs them.

    handover: from the engine that started this run, if one did. Raises :class:`pytest.UsageError` where fork is asked
    for and cannot be.
    """
    option = config.option
    workers = len(getattr(option, "tx", None) or []) if getattr(option, "dist", "no") != "no" else 0
    wanted = _wanted(config, handover)
    if not workers or option.collectonly or hasattr(config, "workerinput"):
        return Engine("serial")
    if wanted == "serial":
        option.tx, option.numprocesses, option.dist = [], 0, "no"
        return Engine("serial", obstacle="asked for", forced=True)
    if wanted == "xdist":
        return Engine("xdist", workers, "asked for", forced=True)
    obstacle = _early_obstacle(config, forced=wanted == "fork")
    if obstacle is None:
        option.tx = []  # xdist starts workers where it finds this
        return Engine("fork", workers, forced=wanted == "fork")
    if wanted == "fork":
        raise refusal(obstacle)
    return Engine("xdist", workers, obstacle)


def _wanted(config: pytest.Config, handover: Handover | None) -> str:
    """Return what the plan asks for, else what is typed or configured.

    Workers are what a plan with workers is run for: a project that wants none of its own runs to have them does not
    take them away.
    """
    if handover is None:
        return value_of(config, "engine")
    if handover.engine is not None:
        return handover.engine
    configured = value_of(config, "engine")
    return "auto" if configured == "serial" and config.option.isolane_engine is None else configured


def refusal(obstacle: str) -> pytest.UsageError:
    """Return the error of a run that was to be forked and cannot be."""
    return pytest.UsageError(f"isolane: --isolane-engine=fork is not possible here: {obstacle}. Use auto, or xdist.")


def fall_back_to_xdist(session: pytest.Session, obstacle: str) -> object:
    """Run the tests over xdist's workers after all, which collect anew; called in place of the fork engine's run."""
    config = session.config
    engine = engine_of(config)
    if engine.forced:
        raise refusal(obstacle)
    config.stash[engine_key] = replace(engine, name="xdist", obstacle=obstacle)
    manager = config.pluginmanager
    terminal = manager.getplugin("terminalreporter")
    if terminal is not None:
        terminal.write_line(f"isolane: engine xdist after all: {obstacle}")
        terminal.showfspath = False
    recorder = manager.getplugin("isolane-recorder")
    if recorder is not None:
        recorder.engine_changed(config)
    config.option.tx = ["popen"] * engine.workers
    manager.unregister(name="dsession")
    from xdist.dsession import DSession  # type: ignore[import-untyped]

    from isolane.pytest_plugin.xdist_controller import register_xdist_controller

    register_xdist_controller(config)
    controller: Any = DSession(config)
    manager.register(controller, "dsession")
    controller.pytest_sessionstart(session)
    return controller.pytest_runtestloop()


def _early_obstacle(config: pytest.Config, *, forced: bool) -> str | None:
    from isolane.pytest_plugin.fork import safety

    if not hasattr(os, "fork") or not forced:
        platform = safety.obstacle_of_platform()
        if platform is not None:
            return platform
    return safety.obstacle_of_options(config) or safety.obstacle_of_event_loop() or safety.obstacle_of_plugins(config)
