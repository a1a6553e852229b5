"""The command that runs again, in one process, what a worker of this run had run: for failures in parallel runs."""

from __future__ import annotations

import shlex
from typing import Any

import pytest


def replay_command(config: pytest.Config, worker: str, node_id: str) -> str:
    """Return the command up to a test; empty where the run is not recorded."""
    recorder: Any = config.pluginmanager.getplugin("isolane-recorder")
    if recorder is None or recorder.writer.failure:
        return ""
    # Started by a verb of isolane's, this process may have no isolane of its own: the verb's is meant.
    own = ["isolane"]
    if config.pluginmanager.hasplugin("isolane-after-run"):
        from isolane.usecases.suggestion import own_command

        own = own_command()
    return shlex.join([*own, "replay", recorder.run_id, "--worker", worker, "--until", node_id])
