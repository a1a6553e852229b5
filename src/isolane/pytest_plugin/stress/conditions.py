"""Under which conditions a run's tests run: a plugin in its process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import pytest


class Conditions:
    """Gives each run its seed, and a directory of its own below pytest's for temporary files.

    seeds, names: of the runs that are being made, by the number of their unit.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.seeds: Sequence[int | None] = ()
        self.names: Sequence[str] = ()
        self._config = config
        self._is_ready = False

    def enter(self) -> None:
        """Take part in the process that has just been forked."""
        self._config.pluginmanager.register(self, "isolane-stress-conditions")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """Prepare the process before its first test: only now it is known which run it makes."""
        if not self._is_ready:
            self._is_ready = True
            worker: Any = self._config.pluginmanager.getplugin("isolane-worker")
            self._prepare(worker.unit)
        return (yield)

    def _prepare(self, unit: int) -> None:
        factory: Any = getattr(self._config, "_tmp_path_factory", None)
        if factory is not None:
            base = factory.getbasetemp().parent / self.names[unit]  # a worker has been given one below the session's
            base.mkdir(mode=0o700, exist_ok=True)
            factory._basetemp = base
        option: Any = self._config.option
        seed = self.seeds[unit]
        if seed is not None and isinstance(getattr(option, "randomly_seed", None), int):
            option.randomly_seed = seed
