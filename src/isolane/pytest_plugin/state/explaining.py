"""Runs of ``isolane explain``: one that finds what a test leaves behind, one that traces who did it.

Loaded in those runs only. What is found goes into the run's directory, a JSON object a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from isolane.model.explanation import Explained
from isolane.model.plan import AT_IMPORT, EXPLANATIONS_NAME, Handover
from isolane.model.state import Change, Leak
from isolane.process_state.kinds import KINDS, OUTSIDE
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.frames import Frames
from isolane.pytest_plugin.state.start import WATCH_PLUGIN, kinds_of, make_watch, unseen_kinds
from isolane.pytest_plugin.state.tracing import SECONDS_IN_LIBRARIES, Left, Tracer
from isolane.pytest_plugin.state.watching import leaks_of


class Explainer:
    """kinds: none to find those that are changed; else the kinds to trace, see :data:`~isolane.model.plan.AT_IMPORT`.

    What is outside of the process is traced at once: when the test runs again, it finds what it has left.
    """

    def __init__(self, config: pytest.Config, directory: Path, kinds: tuple[str, ...]) -> None:
        self._file = directory / EXPLANATIONS_NAME
        self._traces = bool(kinds)
        frames = Frames(config.invocation_params.dir)
        everything = kinds_of(config, unseen_kinds(config))
        at_import = [kind for name, kind in everything.items() if not kinds or f"{AT_IMPORT}{name}" in kinds]
        in_test = [kind for name, kind in everything.items() if name in (kinds or OUTSIDE)]
        after_lines = KINDS if kinds else OUTSIDE
        # Of files the project's line says enough, and the run that only finds should be quick.
        seconds = SECONDS_IN_LIBRARIES if kinds else 0.0
        self._imports = Tracer(
            frames, at_import, after_lines=after_lines, at_import=self._take_import, seconds_in_libraries=seconds
        )
        self._test = Tracer(frames, in_test, after_lines=after_lines, seconds_in_libraries=seconds)
        self._looks_at_imports = bool(at_import)
        self._left: Left = []

    def start(self) -> None:
        """Look at each module that is imported from now on."""
        if self._looks_at_imports:
            self._imports.start()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Look at imports no longer: those that come now are a test's. Run one test only."""
        if self._looks_at_imports:
            self._imports.stop()
        if len(session.items) > 1:
            raise pytest.UsageError(f"isolane: {len(session.items)} tests, and only one can be explained.")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Begin."""
        self._test.start()
        self._test.begin()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Generator[None, None, None]:
        """End, when all that belongs to the test has been torn down."""
        try:
            return (yield)
        finally:
            self._left = self._test.end()
            self._test.stop()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell what the test has left: in the run that finds, what the look at it has found."""
        if report.when != "teardown":
            return
        if self._traces:
            self._write([Explained(Leak(report.nodeid, change), False, blame) for change, blame in self._left])
        else:
            known = {(change.kind, change.name): blame for change, blame in self._left}
            self._write(
                [Explained(one, False, known.get((one.change.kind, one.change.name))) for one in leaks_of(report)]
            )

    def _take_import(self, file: str, left: Left) -> None:
        self._write([Explained(Leak(f"module {file}", change), True, blame) for change, blame in left])

    def _write(self, found: list[Explained]) -> None:
        if found:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(one.to_plain())}\n" for one in found)


def start_explaining(config: pytest.Config, handover: Handover) -> None:
    """Register what explains, before any conftest is imported."""
    explainer = Explainer(config, Path(handover.run_directory), handover.probe[1:])
    config.pluginmanager.register(explainer, "isolane-explain")
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Only one can trace.
    explainer.start()


def register_finder(config: pytest.Config, handover: Handover) -> None:
    """Register what looks after the test, in the run that is not traced."""
    if not handover.probe[1:]:
        config.pluginmanager.register(make_watch(config, finds=_Nothing()), WATCH_PLUGIN)


class _Nothing(Accepted):
    """Who asks about a test wants to hear of its known leaks, too."""

    def __init__(self) -> None:
        super().__init__(())

    def by(self, item: pytest.Item) -> Callable[[Change], bool]:  # noqa: ARG002
        """Return what says no."""
        return lambda _change: False
