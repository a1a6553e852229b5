"""Runs probes: each in a process forked from a session that has collected its tests and run none."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest

from isolane.engines.fork.lane import ONE_TEST
from isolane.engines.fork.listener import Crash, Limits
from isolane.engines.fork.messages import Broken, Finished, Message, Reported, Started, SubtestsFailed
from isolane.engines.scratch import ScratchKeeper
from isolane.model.explanation import Explained
from isolane.model.hunt import Answer
from isolane.model.outcome import MISSING, Category, Outcome
from isolane.planning.search import Batch, Search
from isolane.process_state.project_modules import loaded_packages
from isolane.pytest_plugin.fork.adapters import ControllerState
from isolane.pytest_plugin.fork.fresh_processes import FreshProcesses
from isolane.pytest_plugin.fork.reports import Reader
from isolane.pytest_plugin.hunt.conditions import BLAME_ATTRIBUTE, Conditions
from isolane.pytest_plugin.hunt.meeting import Meeting
from isolane.pytest_plugin.phases import PhaseReports
from isolane.pytest_plugin.state.watching import leaks_of

SILENCE = 120.0
"""Seconds without a word after which a probe is taken for hung: after tests that it does not know, a test may wait for
ever."""
_LEAST_SILENCE = 5.0
_SLOWER = 20
"""Once a probe has hung, others are waited for no longer than so many times the longest test so far: it will hang in
each probe that shows it again."""

Result = TypeVar("Result")


class _Open:
    """A probe that is being run."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.seconds = 0.0
        self.reports: dict[int, PhaseReports] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.found: list[Explained] = []
        self.is_over = False


class Prober(FreshProcesses):
    """Answers batches of probes.

    session: whose tests are probed. count: how many probes run side by side. state: from before the first conftest.
    plugin: who runs the session's tests otherwise; it is left out in probes. silence: see :data:`SILENCE`. keeper:
    keeps the tree in which the tests run as it was: once a probe has changed it, one runs at a time, in a fresh one.
    home: the same of a home that the tests were collected with; without, each probe has its own.
    """

    def __init__(
        self,
        session: pytest.Session,
        count: int,
        state: ControllerState,
        plugin: object,
        *,
        silence: float | None = None,
        keeper: ScratchKeeper | None = None,
        home: Path | None = None,
    ) -> None:
        self._count = count
        self._keepers = [keeper] if keeper else []
        self._directory = os.getcwd()  # noqa: PTH109  # as it was given, links and all
        self._test_numbers = {item.nodeid: number for number, item in enumerate(session.items)}
        self._root = Path(tempfile.mkdtemp(prefix="isolane-hunt-"))
        self._places = self._root / "probes"
        self._places.mkdir()
        if home is not None:
            # What was made there while tests were collected is there for each of them.
            shutil.copytree(home, self._root / "home", symlinks=True, ignore_dangling_symlinks=True)
            self._keepers.append(ScratchKeeper(self._root / "home", home))
        factory = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None:
            # Or each probe would make a directory among those of the user's last runs, and remove the oldest.
            factory._basetemp = self._root
        original = keeper.original_of(session.config.invocation_params.dir) if keeper else None
        self._conditions = Conditions(session.config, self._places, original, has_home=home is not None)
        self._batch = Batch(())
        self._open: dict[int, _Open] = {}
        self._begun: dict[str, float] = {}
        self._longest = 0.0
        self.probes = 0
        """How many have been run."""
        super().__init__(session, state, plugin, silence=silence or SILENCE, enter=self._conditions.enter)

    def close(self) -> None:
        """Leave nothing behind."""
        super().close()
        shutil.rmtree(self._root, ignore_errors=True)

    def drive(self, search: Search[Result]) -> Result:
        """Run whatever probes a search asks for, to its end.

        Once a probe has changed the tree, what ran beside it says nothing: all of the batch runs again, one by one.
        """
        generator: Generator[Batch, Sequence[Answer | None], Result] = search
        try:
            batch = next(generator)
            while True:
                if batch.one_by_one:
                    self._run_one_by_one()
                if not batch.probes:
                    batch = generator.send([])
                    continue
                self._take(batch)
                try:
                    # Here, and no deeper: tests that count the calls below them find as many as in any forked worker.
                    self._controller.run()
                finally:
                    self._end_meeting()
                    for place in self._places.iterdir():
                        shutil.rmtree(place, ignore_errors=True)
                if self._refresh() and not batch.at_once and self._run_one_by_one():
                    continue
                batch = generator.send([self._answer(number) for number in range(len(batch.probes))])
        except StopIteration as end:
            result: Result = end.value
            return result

    @property
    def is_alone(self) -> bool:
        """Return whether nothing is to run beside a probe."""
        return self._count == 1

    def ask(self, batch: Batch) -> Sequence[Answer | None]:
        """Run the probes of a batch; None for those that were not needed any more."""
        return self.drive(_only(batch))

    def _run_one_by_one(self) -> bool:
        """Run no two probes side by side from now on; return whether that is new."""
        is_new, self._count = self._count > 1, 1
        return is_new

    def _refresh(self) -> bool:
        """Put the tree back, if it is to be kept; return whether it had been changed."""
        changed = [keeper for keeper in self._keepers if keeper.refresh()]
        if not changed:
            return False
        with contextlib.suppress(OSError):  # it may be another one with the same name now
            os.chdir(self._directory)
        return True

    def _take(self, batch: Batch) -> None:
        self._batch = batch
        self._conditions.probes = batch.probes
        self._open = {}
        if batch.at_once and len(batch.probes) > 1:
            self._conditions.meeting = Meeting(batch.probes[0].stand, self._directory)
        self._reader = Reader(self._config)
        watch = None
        if any(probe.looks for probe in batch.probes):
            modules = loaded_packages() if any(probe.widely for probe in batch.probes) else ()
            watch = self._conditions.make_watch(modules)
            watch.begin()
        self._prepare(
            [[self._test_numbers[test] for test in probe.tests] for probe in batch.probes],
            len(batch.probes) if batch.at_once else self._count,
            watch=watch,
            is_named=batch.at_once,
        )

    def _end_meeting(self) -> None:
        if self._conditions.meeting is not None:
            self._conditions.meeting.close()
            self._conditions.meeting = None

    def _answer(self, number: int) -> Answer | None:
        one = self._open.get(number)
        if one is None or not one.is_over:
            return None
        last = one.outcomes.get(self._batch.probes[number].asked, MISSING)
        return Answer(one.outcomes, last, one.seconds, tuple(one.found))

    # -- hearing

    def message(self, worker: str, message: Message) -> None:
        """Take what a probe says of its tests."""
        if isinstance(message, Started):
            self._started(worker, message)
        elif isinstance(message, Reported):
            one = self._open.get(self._unit.get(worker, ONE_TEST))
            if one is not None and not one.is_over:
                self._reported(one, message)
        elif isinstance(message, SubtestsFailed):
            self._subtests_failed(message)
        elif isinstance(message, Finished):
            self._finished(worker, message)
        elif isinstance(message, Broken) and not self._controller.winding_up and not self._is_in_a_test(worker):
            raise RuntimeError(f"a probe failed outside any test:\n{message.text}")

    def _is_in_a_test(self, worker: str) -> bool:
        """Return whether it runs one: where that breaks pytest itself, its process has crashed."""
        one = self._open.get(self._unit.get(worker, ONE_TEST))
        return one is not None and bool(one.reports)

    def _started(self, worker: str, message: Started) -> None:
        unit = self._unit[worker] = self._controller.unit_of(worker)
        if unit not in self._open:
            self._open[unit] = _Open()
            self.probes += 1
        self._begun[worker] = time.monotonic()
        self._open[unit].reports[message.test] = PhaseReports()

    def _reported(self, one: _Open, message: Reported) -> None:
        item = self._session.items[message.test]
        report = self._reader.report(message, item.nodeid, item.location)
        phases = one.reports.get(message.test)
        if phases is not None:
            phases.add(report)
        one.found += [Explained(leak, False) for leak in leaks_of(report)]
        one.found += [Explained.from_plain(plain) for plain in report.__dict__.get(BLAME_ATTRIBUTE, ())]

    def _finished(self, worker: str, message: Finished) -> None:
        self._longest = max(self._longest, time.monotonic() - self._begun[worker])
        number = self._unit.get(worker, ONE_TEST)
        one = self._open.get(number)
        if one is None or one.is_over or message.test not in one.reports:
            return
        node_id = self._session.items[message.test].nodeid
        one.outcomes[node_id] = one.reports.pop(message.test).outcome()
        if node_id == self._batch.probes[number].asked:
            self._over(number, one)

    def _over(self, number: int, one: _Open) -> None:
        one.is_over = True
        one.seconds = time.monotonic() - one.started
        answer = self._answer(number)
        if answer is not None and self._batch.enough is not None and self._batch.enough(answer):
            self._controller.stop()

    def worker_crashed(self, crash: Crash, *, replaced: bool) -> None:  # noqa: ARG002
        """A probe's process died: what was to run after the test that it ran says nothing."""
        number = self._unit.get(crash.worker, ONE_TEST)
        one = self._open.get(number)
        if one is None or one.is_over:
            return
        if crash.test is None:
            # Between two tests, as far as was told: of one that was to run behind it, another process says nothing.
            self._over(number, one)
            return
        cause = Category.HUNG if "nothing was heard" in crash.cause else Category.CRASHED
        if cause is Category.HUNG and self._limits.silence:
            silence = max(_LEAST_SILENCE, _SLOWER * self._longest)
            self._limits = Limits(silence=min(self._limits.silence, silence))
        one.outcomes[self._session.items[crash.test].nodeid] = Outcome(cause)
        self._over(number, one)

    def worker_starts(self, worker: str) -> None:
        """Give it a tree as it was."""
        if self._count == 1 and not self._batch.at_once:
            self._refresh()
        super().worker_starts(worker)


def _only(batch: Batch) -> Search[Sequence[Answer | None]]:
    return (yield batch)
