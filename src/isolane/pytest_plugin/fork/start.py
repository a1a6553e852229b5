"""Puts the fork engine in the place of xdist's session."""

from __future__ import annotations

import pytest

from isolane.engines.fork.listener import Limits
from isolane.pytest_plugin.engine import fall_back_to_xdist, workers_of
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.measurement import obstacle_of_coverage
from isolane.pytest_plugin.fork.session import ForkSession
from isolane.pytest_plugin.fork.watch import stop_watch, watch_key
from isolane.pytest_plugin.options import number_of
from isolane.pytest_plugin.state.start import isolation_of


def register_fork_session(config: pytest.Config, *, keep_order: bool) -> None:
    """Register the controller's plugin, under the name that other plugins know xdist's by."""

    def late_obstacle() -> str | None:
        return (
            stop_watch(config).identity.obstacle()
            or safety.obstacle_of_threads()
            or safety.obstacle_of_event_loop()
            or obstacle_of_coverage()
            or safety.obstacle_of_plugins(config)
        )

    restarts = getattr(config.option, "maxworkerrestart", None)
    session = ForkSession(
        config,
        workers_of(config),
        Limits(
            silence=number_of(config, "worker-timeout") or None,
            restarts=int(restarts) if restarts is not None else None,
            holds=isolation_of(config) == "leak",
        ),
        config.stash[watch_key].state,
        late_obstacle,
        fall_back_to_xdist,
        keep_order=keep_order or _order_is_asked_for(config),
    )
    config.pluginmanager.register(session, "dsession")


def _order_is_asked_for(config: pytest.Config) -> bool:
    """Return whether the order of collection means something to whoever started the run."""
    option = config.option
    if any(getattr(option, name, False) for name in ("failedfirst", "newfirst", "stepwise")):
        return True
    return config.pluginmanager.hasplugin("randomly") and getattr(option, "randomly_reorganize", False)
