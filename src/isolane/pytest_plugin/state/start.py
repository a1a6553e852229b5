"""Decides who looks after the tests, and with what."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.tmpdir import get_user

from isolane.model.errors import UsageError
from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.options import value_of

if TYPE_CHECKING:
    from isolane.process_state.base import Kind
    from isolane.pytest_plugin.state.accepted import Accepted
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

        report = LeakReport(config, leaks)
        config.pluginmanager.register(report, REPORT_PLUGIN)
        recorder: Any = config.pluginmanager.getplugin("isolane-recorder")
        if recorder is not None:
            recorder.leaks_of_imports = report.of_imports
    if not engine_of(config).workers:
        config.pluginmanager.register(make_watch(config), WATCH_PLUGIN)


def make_watch(
    config: pytest.Config, finds: Accepted | None = None, modules: Sequence[str] = (), also: Sequence[Kind[Any]] = ()
) -> LeakWatch:
    """Return what looks after the tests that run in this process.

    finds: what only wants to find, whatever the settings say, and accepts these. modules: see :func:`kinds_of`. also:
    kinds of state that are looked at besides, and take as long as those that look into modules.
    """
    from isolane.process_state.kinds import DEAR, OUTSIDE
    from isolane.process_state.watch import StateWatch
    from isolane.pytest_plugin.state.accepted import Accepted
    from isolane.pytest_plugin.state.telling import LISTED
    from isolane.pytest_plugin.state.watching import LeakWatch

    leaks = value_of(config, "leaks") if finds is None else "report"
    tells_harmless = finds is not None or (leaks in LISTED and config.option.verbose > 0)
    unseen = unseen_kinds(config)
    if leaks == "off":
        unseen.update(OUTSIDE)
    kinds = kinds_of(config, unseen, modules)
    watch = StateWatch(
        [kind for name, kind in kinds.items() if name not in DEAR],
        [*(kind for name, kind in kinds.items() if name in DEAR), *also],
    )
    return LeakWatch(
        watch,
        finds or Accepted(config.getini("isolane_known_leaks")),
        DEAR,
        restores=leaks == "restore",
        fails=leaks == "fail",
        budgeted=finds is None and isolation_of(config) == "leak",
        tells_harmless=tells_harmless,
    )


def _temporary_root() -> list[Path]:
    """Return where pytest's temporary directories are, if that is not where all such files are."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    return [Path(root, f"pytest-of-{get_user() or 'unknown'}").absolute()] if root else []


def unseen_kinds(config: pytest.Config) -> set[str]:
    """Return the kinds that are not a test's to leave.

    pytest's own plugin puts the warnings' filters back after each test: within the test's protocol, where we look,
    they are that plugin's.
    """
    return {"warnings"} if config.pluginmanager.hasplugin("warnings") else set()


def kinds_of(config: pytest.Config, unseen: Collection[str], modules: Sequence[str] = ()) -> dict[str, Kind[Any]]:
    """Return all kinds but those, made for this project, by name.

    modules: what is looked into as if it were the project's.
    """
    from isolane.process_state.kinds import KINDS, Surroundings, make_kinds
    from isolane.pytest_plugin.fixtures import cache_references

    # Before the arguments are parsed for good, options are elsewhere.
    base = getattr(config.option, "basetemp", None) or getattr(config.known_args_namespace, "basetemp", None)
    around = Surroundings(
        config.rootpath,
        modules,
        caches=cache_references(config),
        temporary=[Path(config.invocation_params.dir, base)] if base else _temporary_root(),
        databases=config.getini("isolane_databases"),
    )
    try:
        return {kind.name: kind for kind in make_kinds([name for name in KINDS if name not in unseen], around)}
    except UsageError as error:
        raise pytest.UsageError(f"isolane_databases: {error}") from None
