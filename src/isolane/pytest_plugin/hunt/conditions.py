"""Under which conditions a probe's tests run: a plugin in its process."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from isolane.engines.fork.messages import Finished, Message, Started
from isolane.model.explanation import Explained
from isolane.model.hunt import SET_UP, Probe
from isolane.model.state import Leak
from isolane.process_state.base import Kind, RestoreError
from isolane.process_state.fixture_values import KIND as FIXTURES
from isolane.process_state.fixture_values import FixtureValues, FixtureValuesKind
from isolane.process_state.kinds import KINDS
from isolane.process_state.project_modules import ProjectModules, loaded_packages
from isolane.pytest_plugin.hunt.clocks import set_clock
from isolane.pytest_plugin.hunt.meeting import Attending, Meeting
from isolane.pytest_plugin.hunt.wider_fixtures import Expected, WiderFixtures
from isolane.pytest_plugin.state.accepted import Accepted
from isolane.pytest_plugin.state.frames import Frames
from isolane.pytest_plugin.state.start import kinds_of, make_watch, unseen_kinds
from isolane.pytest_plugin.state.tracing import Tracer
from isolane.pytest_plugin.state.watching import LeakWatch

BLAME_ATTRIBUTE = "isolane_blame"
"""What a traced test's last report carries: what it left, and where from, as ``Explained.to_plain`` has it."""

_SIGN_OF_LIFE = 0.5
_IN_LIBRARIES = 1.0
"""Seconds for which lines of libraries are looked at as well, in each test that is traced."""
_IN_PROJECT = 3.0
"""The same of the project's own lines: where a test puts thousands of things into a list, the first line is enough."""


class Conditions:
    """Gives each probe places of its own, puts back what it is to be without, traces who writes what.

    probes: those of the batch, by the number of their unit. places: a directory for temporary files and homes.
    original: what the directory that tests run in is a copy of, if it is. has_home: whether the tests have been
    collected with a home that is no user's, so that they keep it.
    """

    def __init__(
        self, config: pytest.Config, places: Path, original: Path | None = None, *, has_home: bool = False
    ) -> None:
        self.probes: Sequence[Probe] = ()
        self._config = config
        self._places = places
        self._original = original
        self._has_home = has_home
        self._values = FixtureValues()
        self._fixtures = FixtureValuesKind(self._values, ProjectModules([config.rootpath]))
        self._kinds = self._kinds_of(())
        self._worker: Any = None
        self._probe: Probe | None = None
        self._left = 0
        self._before: Expected = {}
        self._wider: WiderFixtures | None = None
        self._tracer: Tracer | None = None
        self._blamed: list[Any] = []
        self._hushed: Any = None
        self.meeting: Meeting | None = None
        """Where two probes run at the same time."""
        self.is_stale = False
        """Whether the probe has begun in another process, which a test has ended."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Prepare the process before the first test, and what is asked before the last one."""
        if self._probe is None:
            worker = self._worker = self._config.pluginmanager.getplugin("isolane-worker")
            probe = self._probe = self.probes[worker.unit]
            self.is_stale = item.nodeid != probe.tests[0]
            self._left = len(probe.tests)
            if probe.seed is not None:
                self._draw_from(probe.seed)
            if probe.widely:
                self._kinds = self._kinds_of(loaded_packages())
            if probe.seed is not None:
                self._draw_from(probe.seed)
            if probe.clock is not None:
                set_clock(probe.clock)
            restored = [self._kinds[name] for name in probe.restored if name != SET_UP]
            self._before = {kind: kind.snapshot() for kind in restored}
            if probe.traced:
                self._tracer = Tracer(
                    Frames(self._config.invocation_params.dir, self._original),
                    [self._kinds[name] for name in probe.traced],
                    after_lines=(*KINDS, FIXTURES),
                    seconds_in_libraries=_IN_LIBRARIES,
                    seconds_in_project=_IN_PROJECT,
                )
            if probe.looks or probe.traced or probe.restored:
                self._wider = WiderFixtures(self._values, self._expected)
                self._config.pluginmanager.register(self._wider, "isolane-probe-wider-fixtures")
            if not (probe.tells_all or probe.looks or probe.traced):
                self._hush(worker)
        self._left -= 1
        if not self._left and self._hushed is not None:
            self._config.pluginmanager.register(self._hushed, "isolane-worker")
        if not self._left:
            self._prepare_last(item)
        elif self._tracer is not None:
            return (yield from self._traced(self._tracer))
        return (yield)

    def _prepare_last(self, item: pytest.Item) -> None:
        """Put back what the last test is to be without; tell what it has in common with those before it."""
        for kind, before in self._before.items():
            with contextlib.suppress(RestoreError):  # then it cannot have helped
                kind.restore(before)
        if self._probe is None or self._wider is None:
            return
        if SET_UP in self._probe.restored:
            self._wider.tear_down(item)
        if self._probe.looks:
            self._blamed = [one.to_plain() for one in self._wider.shared_with(item)]

    def _expected(self) -> list[Expected]:
        """Return the states that are put back, or compared with."""
        return [self._before, *([self._tracer.expected] if self._tracer is not None else [])]

    def _kinds_of(self, modules: Sequence[str]) -> dict[str, Kind[Any]]:
        return {**kinds_of(self._config, unseen_kinds(self._config), modules), FIXTURES: self._fixtures}

    def make_watch(self, modules: Sequence[str]) -> LeakWatch:
        """Return what looks after the tests of probes. modules: what is looked into as if it were the project's."""
        accepted = Accepted(self._config.getini("isolane_known_leaks"))
        return make_watch(self._config, accepted, modules, also=[self._fixtures])

    def _draw_from(self, seed: int) -> None:
        """Seed the generators that everybody shares; pytest-randomly seeds them before each test, by its option."""
        random.seed(seed)
        numpy: Any = sys.modules.get("numpy")
        if numpy is not None:
            numpy.random.seed(seed)
        option: Any = self._config.option
        if isinstance(getattr(option, "randomly_seed", None), int):
            option.randomly_seed = seed

    def _hush(self, worker: Any) -> None:
        """Let the worker keep to itself what nobody asks about: how the tests end that run before the last one.

        That they come and go is told, twice a second: somebody waits for a sign of life.
        """
        if not self._left - 1:
            return
        self._hushed = worker
        self._config.pluginmanager.unregister(worker)
        lane = worker._lane
        send = lane.send
        said_at = 0.0

        def send_sometimes(message: Message, *, at_once: bool = True) -> None:
            nonlocal said_at
            now = time.monotonic()
            is_time = not (self._left and isinstance(message, Started | Finished)) or now - said_at > _SIGN_OF_LIFE
            if is_time:
                said_at = now
            send(message, at_once=at_once and is_time)

        lane.send = send_sometimes

    def _traced(self, tracer: Tracer) -> Generator[None, object, object]:
        tracer.start()
        tracer.begin()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """See what a traced test has left, when all that belongs to it has been torn down."""
        try:
            return (yield)
        finally:
            if self._tracer is not None and self._left:
                left = self._tracer.end()
                self._tracer.stop()
                self._blamed = [Explained(Leak(item.nodeid, one), False, blame).to_plain() for one, blame in left]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add it to the report."""
        if self._blamed and report.when == "teardown":
            setattr(report, BLAME_ATTRIBUTE, self._blamed)
            self._blamed = []

    def skips(self) -> bool:
        """Return whether the next test is passed over; behind the last of them this process is of no more use."""
        if self.is_stale:
            self._worker.leave_when_idle()
        return self.is_stale

    def enter(self) -> None:
        """Take part in the process that has just been forked: what listened before is silent in it."""
        self._config.pluginmanager.register(self, "isolane-probe-conditions")
        self._config.pluginmanager.register(_Skipping(self), "isolane-probe-skipping")
        self._config.option.tbstyle = "no"  # nobody reads it, and it takes longer than a test
        if self.meeting is not None:
            self._config.pluginmanager.register(Attending(self._config, self.meeting), "isolane-probe-attending")
        sys.dont_write_bytecode = True  # a directory in which it appears has not been written to by a test
        self._own_places()

    def _own_places(self) -> None:
        """Keep what the tests write to the temporary directory and to the home out of the user's, and of each other's.

        They are gone with the batch. Those that meet have the same ones, as workers have.
        """
        home = Path(tempfile.mkdtemp(prefix="probe-", dir=self._places))
        own = home
        if self.meeting is not None:
            home = self._places / "meeting"
        temporary = home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        if not self._has_home:
            os.environ["HOME"] = str(home)
        os.environ["TMPDIR"] = str(temporary)
        # Not None: the first test that asks would then write and unlink a file, which one that spies on these sees.
        tempfile.tempdir = str(temporary)
        factory = getattr(self._config, "_tmp_path_factory", None)
        if factory is not None:
            factory._basetemp = own / "pytest"
            factory._basetemp.mkdir(mode=0o700)


class _Skipping:
    """Passes over what is left of a probe whose process has ended: of it nothing is asked any more."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """Say that it has run."""
        return self._conditions.skips() or None
