"""What is looked at from the start of a run that may be forked: see :mod:`safety` and :mod:`adapters`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.fork.descriptors import note_standard_streams
from isolane.pytest_plugin.fork.safety import IdentityWatch


@dataclass(frozen=True)
class Watch:
    """state: of ``random``, before any conftest. identity: who asks for a worker's identity."""

    state: ControllerState
    identity: IdentityWatch


watch_key = pytest.StashKey[Watch]()


def start_watch(config: pytest.Config) -> None:
    """Begin, before the first conftest is imported; ended by :func:`stop_watch` or at the end of the run."""
    note_standard_streams()
    watch = config.stash[watch_key] = Watch(ControllerState(), IdentityWatch(config.rootpath))
    watch.identity.start()
    config.add_cleanup(watch.identity.stop)


def stop_watch(config: pytest.Config) -> Watch:
    """End, and return what was seen."""
    watch = config.stash[watch_key]
    watch.identity.stop()
    return watch
