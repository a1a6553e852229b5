"""Decides who looks after the tests, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.options import value_of

if TYPE_CHECKING:
    from isolane.pytest_plugin.state.watching import LeakWatch

REPORT_PLUGIN = "isolane-leak-report"
WATCH_PLUGIN = "isolane-leak-watch"


def isolation_of(config: pytest.Config) -> str:
    """Return how far tests are kept apart; ``none`` where nothing is forked.

    Raises :class:`pytest.UsageError` where more is typed on the command line than the engine can give.
    """
    isolation = value_of(config, "isolation")
    engine = engine_of(config)
    if engine.name == "fork":
        return isolation
    if config.option.isolane_isolation not in (None, "none") and not hasattr(config, "workerinput"):
        reason = f"{engine.name}: {engine.obstacle}" if engine.obstacle else engine.name
        raise pytest.UsageError(
            f"isolane: --isolane-isolation={isolation} needs the fork engine, and this run has another ({reason}). "
            "Use -n and --isolane-engine=fork."
        )
    return "none"


def register_leaks(config: pytest.Config) -> None:
    """Register what looks after tests, where anybody asks for it: what tells, and, if tests run here, what looks."""
    isolation = isolation_of(config)
    leaks = value_of(config, "leaks")
    if leaks == "off" and isolation != "leak":
        return
    if not hasattr(config, "workerinput"):
        from isolane.pytest_plugin.state.telling import LeakReport

        config.pluginmanager.register(LeakReport(lists=leaks in ("report", "fail")), REPORT_PLUGIN)
    if not engine_of(config).workers:
        config.pluginmanager.register(make_watch(config), WATCH_PLUGIN)


def make_watch(config: pytest.Config) -> LeakWatch:
    """Return what looks after the tests that run in this process."""
    from isolane.process_state.kinds import DEAR, KINDS, OUTSIDE, Surroundings, make_kinds
    from isolane.process_state.watch import StateWatch
    from isolane.pytest_plugin.fixtures import cache_references
    from isolane.pytest_plugin.state.accepted import Accepted
    from isolane.pytest_plugin.state.watching import LeakWatch

    leaks = value_of(config, "leaks")
    # pytest's own plugin puts the filters back after each test: within the test's protocol, where we look, they are
    # that plugin's.
    unseen = {"warnings"} if config.pluginmanager.hasplugin("warnings") else set()
    if leaks == "off":
        unseen.update(OUTSIDE)
    base = config.option.basetemp
    around = Surroundings(
        config.rootpath,
        caches=cache_references(config),
        temporary=[Path(config.invocation_params.dir, base)] if base else [],
    )
    kinds = make_kinds([name for name in KINDS if name not in unseen], around)
    watch = StateWatch(
        [kind for kind in kinds if kind.name not in DEAR],
        [kind for kind in kinds if kind.name in DEAR],
    )
    return LeakWatch(
        watch,
        Accepted(config.getini("isolane_known_leaks")),
        DEAR,
        restores=leaks == "restore",
        fails=leaks == "fail",
        budgeted=isolation_of(config) == "leak",
    )
