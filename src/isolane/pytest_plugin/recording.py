"""Sets up the recording of a run: loaded only where there is something to record."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from isolane.model.plan import Handover
from isolane.pytest_plugin.engine import engine_of
from isolane.pytest_plugin.exception_names import NAMES_PLUGIN, exception_names
from isolane.pytest_plugin.options import settings
from isolane.pytest_plugin.state.start import isolation_of


def register_recorder(
    config: pytest.Config, handover: Handover | None, seed: int | None, added: tuple[str, ...]
) -> None:
    """Register what records a run: names of exceptions everywhere, the event log in the reporting process.

    What only that process needs is loaded there alone: a worker's start would feel it.
    """
    in_one_process = not hasattr(config, "workerinput") and not engine_of(config).workers
    # The processes that these verbs start report nothing; those that are forked from them do.
    reports_here = in_one_process and not (handover is not None and handover.probe[:1] in (("hunt",), ("stress",)))
    config.pluginmanager.register(exception_names(config, in_one_process=reports_here), NAMES_PLUGIN)
    if hasattr(config, "workerinput"):
        return
    from isolane.history.event_log import EventLogWriter
    from isolane.history.revision import git_revision
    from isolane.pytest_plugin.recorder import Recorder

    engine = engine_of(config)
    workers = engine.workers
    label = handover.label if handover else "parallel" if workers else "serial"
    if handover:
        directory = Path(handover.run_directory)
    else:
        from isolane.pytest_plugin.own_run import AfterRun, new_run_directory
        from isolane.pytest_plugin.run_session import session_key

        session = config.stash.get(session_key, None)
        directory = new_run_directory(config.rootpath, label, session.session_id if session is not None else "")
        config.pluginmanager.register(AfterRun(config, directory.name), "isolane-after-run")
    header: dict[str, Any] = {
        "run_id": directory.name,
        "label": label,
        "argv": tuple(str(argument) for argument in config.invocation_params.args),
        "engine": engine.name,
        "workers": workers,
        "dist": config.getoption("dist", "no") if workers else "no",
        "seed": seed,
        "isolation": isolation_of(config),
        "revision": git_revision(config.rootpath),
        "positional": positional_arguments(config),
        "addopts": (*config.getini("addopts"), *shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))),
        "added": added,
        "settings": {**settings(config), "hash-seed": os.environ.get("PYTHONHASHSEED", "")},
    }
    config.pluginmanager.register(Recorder(EventLogWriter(directory / "events.jsonl"), header), "isolane-recorder")


def positional_arguments(config: pytest.Config) -> tuple[str, ...]:
    """Return those of the typed arguments that name files, directories or node ids.

    Only the parser knows: in ``-k tests tests`` the first is an option's value. So each candidate is replaced by a
    word of our own, and looked for among what the parser takes for positional.
    """
    arguments = [str(argument) for argument in config.invocation_params.args]
    known = set(getattr(config.option, "file_or_dir", None) or ())
    found = []
    for position, argument in enumerate(arguments):
        if argument not in known:
            continue
        marker = "isolane-looks-whether-this-is-positional"
        probe = [*arguments[:position], marker, *arguments[position + 1 :]]
        if marker in config._parser.parse_known_args(probe).file_or_dir:
            found.append(argument)
    return tuple(found)
