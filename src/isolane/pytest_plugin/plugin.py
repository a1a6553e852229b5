"""The plugin that pytest loads."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from isolane.model.plan import HANDOVER_VARIABLE, QUARANTINE, Handover
from isolane.pytest_plugin.engine import choose_engine, engine_key, engine_of, workers_of
from isolane.pytest_plugin.options import add_options, number_of, value_of
from isolane.pytest_plugin.own_modules import load_plugins, load_without_rewriting
from isolane.pytest_plugin.workers import IN_WORKER, Choice, apply_worker_choice, header_line, may_have_workers
from isolane.pytest_plugin.written_files import WrittenFiles, written_files

_RUN_NOTHING = ("help", "version", "collectonly", "showfixtures", "show_fixtures_per_test", "markers", "cacheshow")
"""pytest's options that only show something."""
_choice_key = pytest.StashKey[Choice]()
_handover_key = pytest.StashKey["Handover | None"]()
_debugger_key = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Register options and ini keys."""
    add_options(parser)
    load_without_rewriting(pluginmanager)
    load_plugins(pluginmanager, "isolane.pytest_plugin.fixtures")
    pluginmanager.register(_AfterXdist(), "isolane-engine")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, Any, Any]:
    """Decide on workers before any other plugin has looked at the arguments."""
    handover = early_config.stash[_handover_key] = _take_handover()
    if handover is None and value_of(early_config, "worktree", early=True) != "off":
        from isolane.pytest_plugin.worktree import run_in_worktree

        run_in_worktree(early_config)
    if handover is None and value_of(early_config, "hunt", early=True) == "on":
        from isolane.pytest_plugin.hunt.after_failures import environment_key

        early_config.stash[environment_key] = dict(os.environ)
    early_config.stash[_choice_key] = apply_worker_choice(early_config, parser, args, handover)
    if may_have_workers(early_config):
        from isolane.pytest_plugin.fork.watch import start_watch

        start_watch(early_config)
    if handover is not None and handover.copied:
        from isolane.pytest_plugin.hunt.copied import import_from_copy

        import_from_copy(*handover.copied)
    if _runs_tests_here(early_config, handover):
        is_recorded = _is_recorded(early_config, handover)
        files = written_files(early_config) if handover is None or handover.judges else WrittenFiles((), False)
        if is_recorded or files.paths:
            from isolane.pytest_plugin.run_session import start_session

            start_session(early_config, handover, files, is_recorded=is_recorded)
    if handover is not None and handover.probe:
        from isolane.pytest_plugin.state.probes import start_probe

        start_probe(early_config, handover)
    elif value_of(early_config, "leaks", early=True) != "off":
        from isolane.pytest_plugin.state.importing import start_import_watch

        start_import_watch(early_config)
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, Any, Any]:
    """Keep from xdist that ``--pdb`` is given: forked workers can have the terminal, one at a time."""
    option = config.option
    config.stash[_debugger_key] = debugger = bool(
        getattr(option, "usepdb", False) and isinstance(getattr(option, "numprocesses", None), int)
    )
    if debugger:
        option.usepdb = False
    return (yield)


class _AfterXdist:
    """xdist puts its options in order in the same hook, first of all; this implementation comes after it."""

    def pytest_cmdline_main(self, config: pytest.Config) -> None:
        """Decide on the engine."""
        option = config.option
        if config.stash[_debugger_key]:
            option.usepdb = True
        handover = config.stash.get(_handover_key, None)
        engine = config.stash[engine_key] = choose_engine(config, handover)
        if engine.name != "fork" and may_have_workers(config):
            from isolane.pytest_plugin.fork.watch import stop_watch

            stop_watch(config)
        if engine.name == "xdist" and config.stash[_debugger_key]:
            raise pytest.UsageError(
                f"--pdb is incompatible with distributing tests over xdist's workers ({engine.obstacle}); use -n0."
            )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register what this run needs: an order, a recorder."""
    handover = config.stash.get(_handover_key, None)
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    if workerinput is not None:
        ours = workerinput.get("isolane", {})
        seed, order, record = ours.get("seed"), ours.get("order"), bool(ours.get("record"))
    else:
        seed, order = _order_asked_for(config, handover)
        record = _recording(config, handover)
    if handover is not None:
        # A run that is compared with others must not stop at its first failure, whatever the ini file says.
        config.option.maxfail = 0
    if order is not None:
        from isolane.pytest_plugin.ordering import FileOrder

        try:
            config.pluginmanager.register(FileOrder(Path(config.invocation_params.dir, order)), "isolane-order")
        except (OSError, UnicodeDecodeError) as error:
            raise pytest.UsageError(f"isolane: the order file cannot be read: {error}") from None
    elif seed is not None:
        from isolane.pytest_plugin.ordering import SeededOrder

        config.pluginmanager.register(SeededOrder(seed), "isolane-order")
    if record:
        from isolane.pytest_plugin.recording import register_recorder

        register_recorder(config, handover, seed, config.stash.get(_choice_key, Choice("")).added)
        if workerinput is None and handover is None and value_of(config, "live") == "on":
            from isolane.pytest_plugin.live import register_live_view

            register_live_view(config)
    if (handover is None or handover.judges) and config.rootpath.joinpath(QUARANTINE).is_file():
        from isolane.pytest_plugin.quarantining import register_quarantine

        register_quarantine(config)
    if handover is not None and handover.probe:
        from isolane.pytest_plugin.state.probes import register_probe

        register_probe(config, handover)
    elif value_of(config, "leaks") != "off" or value_of(config, "isolation") != "none":
        from isolane.pytest_plugin.state.start import register_leaks

        register_leaks(config)
    if workerinput is None and handover is None and value_of(config, "hunt") == "on":
        from isolane.pytest_plugin.hunt.after_failures import register_hunt_after_failures

        register_hunt_after_failures(config)
    if workerinput is not None and "locks" in workerinput.get("isolane", {}):
        from isolane.pytest_plugin.needs import ResourceLocks

        config.pluginmanager.register(ResourceLocks(Path(workerinput["isolane"]["locks"])), "isolane-resource-locks")
    if value_of(config, "stress-load") == "on" and not any(getattr(config.option, one, False) for one in _RUN_NOTHING):
        from isolane.pytest_plugin.load.loading import put_under_load

        put_under_load(config)
    engine = engine_of(config)
    if engine.workers:
        from isolane.pytest_plugin.xdist_controller import choices_key, register_xdist_controller

        config.stash[choices_key] = {"seed": seed, "order": order, "record": record}
        if engine.name == "xdist":
            register_xdist_controller(config)
    if engine.name == "fork":
        from isolane.pytest_plugin.fork.start import register_fork_session

        register_fork_session(config, keep_order=seed is not None or order is not None)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what was chosen and why."""
    choice = config.stash.get(_choice_key, None)
    if choice is None or hasattr(config, "workerinput"):
        return None
    seed, order = _order_asked_for(config, config.stash.get(_handover_key, None))
    return header_line(config, choice, seed=seed, ordered=order is not None)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """``-n auto``: the processors this process may use; others' hooks and xdist's own variable go first."""
    manager = config.pluginmanager
    ours_and_xdists = {manager.getplugin("xdist"), sys.modules[__name__]}
    others = manager.subset_hook_caller("pytest_xdist_auto_num_workers", remove_plugins=ours_and_xdists)
    answer: int | None = others(config=config)
    if answer is not None or os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return answer
    from isolane.coordination.processors import available_processors

    return available_processors()


def _order_asked_for(config: pytest.Config, handover: Handover | None) -> tuple[int | None, str | None]:
    """Return the seed and the order file: what an engine handed over, else what the options say."""
    if handover is not None and (handover.seed is not None or handover.order is not None):
        return handover.seed, handover.order
    return number_of(config, "seed"), value_of(config, "order") or None


def _recording(config: pytest.Config, handover: Handover | None) -> bool:
    if handover is not None:
        return True
    if IN_WORKER in os.environ or any(getattr(config.option, name, False) for name in _RUN_NOTHING):
        return False
    asked = value_of(config, "record")
    return asked == "on" or (asked == "auto" and (bool(workers_of(config)) or value_of(config, "live") == "on"))


def _runs_tests_here(config: pytest.Config, handover: Handover | None) -> bool:
    """Return whether it is a run, and no worker of one, as far as that can be told before conftests are imported."""
    known = config.known_args_namespace
    if hasattr(config, "workerinput") or IN_WORKER in os.environ:
        return False
    return not any(getattr(known, name, False) for name in _RUN_NOTHING) and (handover is None or not handover.probe)


def _is_recorded(config: pytest.Config, handover: Handover | None) -> bool:
    """Return whether a run will be recorded, as far as that can be told so early."""
    asked = value_of(config, "record", early=True)
    if handover is not None or asked != "auto":
        return handover is not None or asked == "on"
    return may_have_workers(config) or value_of(config, "live", early=True) == "on"


def _take_handover() -> Handover | None:
    """Return what an engine handed over, and leave the environment as the tests would find it without isolane."""
    text = os.environ.pop(HANDOVER_VARIABLE, None)
    if not text:
        return None
    handover = Handover.decode(text)
    for name, value in handover.restore.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    if handover.parent is not None:
        from isolane.pytest_plugin.process import die_with

        die_with(handover.parent)
    return handover
