"""One probe in an interpreter of its own, where none can be forked: under the same conditions."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from isolane.model.explanation import Explained
from isolane.model.hunt import Probe
from isolane.model.plan import FINDINGS_NAME, Handover
from isolane.process_state.project_modules import loaded_packages
from isolane.pytest_plugin.hunt.conditions import BLAME_ATTRIBUTE, Conditions
from isolane.pytest_plugin.hunt.import_probe import start_import_probe
from isolane.pytest_plugin.state.start import WATCH_PLUGIN
from isolane.pytest_plugin.state.watching import leaks_of


class FreshProbe:
    """Puts the run under the probe's conditions before its first test; keeps what its tests leave."""

    unit = 0
    """The only one: what the conditions ask the worker for."""

    def __init__(self, config: pytest.Config, directory: Path, probe: Probe) -> None:
        self._config = config
        self._file = directory / FINDINGS_NAME
        # All are told of: nobody else is there to keep how the others end to himself.
        self._probe = replace(probe, tells_all=True)
        self._places = Path(tempfile.mkdtemp(prefix="isolane-hunt-"))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Begin: the tests have been collected; where it is about imports, not all of them need be there."""
        if self._probe.files is not None:
            self._probe = Probe(tuple(item.nodeid for item in session.items), tells_all=True)
        if not session.items:
            return
        conditions = Conditions(self._config, self._places, has_home=True)
        conditions.probes = [self._probe]
        conditions.enter()
        if self._probe.looks:
            modules = loaded_packages() if self._probe.widely else ()
            watch = conditions.make_watch(modules)
            watch.begin()
            self._config.pluginmanager.register(watch, WATCH_PLUGIN)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what the test has left."""
        found = list(_left(report))
        if found:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(f"{json.dumps(one.to_plain())}\n" for one in found)

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._places, ignore_errors=True)


def _left(report: pytest.TestReport) -> Iterator[Explained]:
    yield from (Explained(leak, False) for leak in leaks_of(report))
    yield from (Explained.from_plain(plain) for plain in report.__dict__.get(BLAME_ATTRIBUTE, ()))


def start_fresh_probe(config: pytest.Config, handover: Handover) -> None:
    """Register it, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Of probes there is nothing to measure.
    probe = Probe.decode(handover.probe[1])
    if probe.files is not None:
        start_import_probe(config, handover, probe)
    config.pluginmanager.register(FreshProbe(config, Path(handover.run_directory), probe), "isolane-worker")
