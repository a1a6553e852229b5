"""Dagster for one test: an instance of its own, in memory, and contexts that are closed after it."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isolane.resources.drivers import import_driver

if TYPE_CHECKING:
    import dagster


def import_all() -> None:
    """Import what Dagster imports late, when its first instance is made: that is a worker's doing, not a test's."""
    with _driver().DagsterInstance.ephemeral():
        pass


@contextmanager
def dagster_test(directory: Path) -> Iterator[DagsterTest]:
    """Yield what a test has of Dagster; dispose of its instance and close its contexts afterwards.

    directory: for what runs store. Raises :class:`ServerMissingError` where dagster is not installed.
    """
    _driver()
    with ExitStack() as stack:
        stack.enter_context(_process_as_it_was())
        yield DagsterTest(directory, stack)


class DagsterTest:
    """Dagster of a test's own. Nothing in it is shared: neither instance nor context outlives the test."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self._directory = directory
        self._stack = stack
        self._instance: dagster.DagsterInstance | None = None

    @property
    def instance(self) -> dagster.DagsterInstance:
        """An ephemeral instance, made when it is first asked for: that takes some 70 ms."""
        if self._instance is None:
            storage = self._directory / "isolane-dagster"
            storage.mkdir(exist_ok=True)
            made = _driver().DagsterInstance.ephemeral(tempdir=str(storage))
            self._instance = self._stack.enter_context(made)
        return self._instance

    def op_context(self, **settings: Any) -> dagster.OpExecutionContext:
        """Return a new context to call an op with; ``settings`` are those of ``dagster.build_op_context``."""
        context: dagster.OpExecutionContext = self._entered(_driver().build_op_context, settings)
        return context

    def asset_context(self, **settings: Any) -> dagster.AssetExecutionContext:
        """Return a new context to call an asset with; ``settings`` are those of ``dagster.build_asset_context``."""
        context: dagster.AssetExecutionContext = self._entered(_driver().build_asset_context, settings)
        return context

    def materialize(self, assets: Any, **settings: Any) -> dagster.ExecuteInProcessResult:
        """Materialize assets in this process, on the test's instance; ``settings`` are ``dagster.materialize``'s."""
        result: dagster.ExecuteInProcessResult = _driver().materialize(assets, instance=self.instance, **settings)
        return result

    def _entered(self, build: Any, settings: dict[str, Any]) -> Any:
        return self._stack.enter_context(build(**{"instance": self.instance, **settings}))


@contextmanager
def _process_as_it_was() -> Iterator[None]:
    """Put back what a run in this process sets for good: the handler of SIGTERM, and levels of loggers."""
    loggers = [logging.getLogger(name) for name in ("dagster", "sqlalchemy")]
    levels = [logger.level for logger in loggers]
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        # Only the main thread can, and only there Dagster does; None is a handler that was not set from Python.
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)


def _driver() -> Any:
    return import_driver("dagster", slug="no-dagster", extra="dagster")
