"""The session of ``isolane stress`` whose runs are forked: it collects once, and tells what became of each run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isolane.model.events import CollectionFinished, RunStarted, WorkerStarted, encode
from isolane.model.identity import new_run_id
from isolane.model.plan import STRESSED_NAME, Handover
from isolane.model.stress import StressOrders
from isolane.planning.stress import (
    MOST_TIMES,
    REPEATS,
    Repetition,
    batches,
    first_repetitions,
    order_of_run,
    second_repetitions,
    seed_of_run,
)
from isolane.pytest_plugin.fork import safety
from isolane.pytest_plugin.fork.watch import start_watch, stop_watch
from isolane.pytest_plugin.options import number_of
from isolane.pytest_plugin.stress.forks import Forks, Planned
from isolane.pytest_plugin.stress.run_book import RunBook, header_of_run
from isolane.pytest_plugin.stress.tallies import Tallies
from isolane.statistics.flake_rate import are_different, clean_runs_for, is_settled

_BEAT_SECONDS = 0.5
_KEPT_PASSING = 200
"""Of the runs that nobody has asked for by number, how many that pass are kept on disk."""


class Stresser:
    """Takes the place of the loop that runs tests."""

    def __init__(self, config: pytest.Config, directory: Path, orders: StressOrders) -> None:
        self._config = config
        self._directory = directory
        self._orders = orders
        self._tallies = Tallies()
        self._started = time.monotonic()
        self._last_beat = 0.0
        self._header: RunStarted
        self._collection = ""
        self._node_ids: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> object:
        """Make the runs."""
        if session.testsfailed and not self._config.option.continue_on_collection_errors:
            raise session.Interrupted(f"{session.testsfailed} errors during collection")
        watch = stop_watch(self._config)
        obstacle = self._obstacle(watch.identity)
        if obstacle is not None:
            self._tell({"obstacle": obstacle})
            return True
        if not session.items:
            return True
        recorder: Any = self._config.pluginmanager.getplugin("isolane-recorder")
        self._writer = recorder.writer
        self._header = recorder.header(self._config)
        self._node_ids = [item.nodeid for item in session.items]
        self._collection = encode(CollectionFinished(time.time(), tuple(self._node_ids)))
        self._tell({"collected": self._node_ids})
        forks = self._forks = Forks(
            session,
            watch.state,
            self,
            silence=self._silence(),
            opened=self._open,
            over=self._over,
            beats=self._beat,
        )
        try:
            self._make_all(forks)
            self._repeat(forks)
        finally:
            forks.close()
        self._tell({"tallies": self._tallies.as_data(), "seconds": time.monotonic() - self._started})
        return True

    def _obstacle(self, identity: safety.IdentityWatch) -> str | None:
        return (
            safety.obstacle_of_platform()
            or (identity.obstacle() if self._orders.count > 1 else None)
            or safety.obstacle_of_threads()
            or safety.obstacle_of_event_loop()
            or (safety.obstacle_of_plugins(self._config) if self._orders.count > 1 else None)
        )

    def _silence(self) -> float:
        """Return after how many seconds a worker is taken for hung: sooner than this whole process is."""
        limit = self._orders.stall_seconds or float(number_of(self._config, "stall-timeout") or 600)
        own = number_of(self._config, "worker-timeout")
        return min(max(limit / 2, limit - 2), own or limit)

    # -- the runs

    def _make_all(self, forks: Forks) -> None:
        orders = self._orders
        first = clean_runs_for(orders.rate) if orders.rate is not None else 0
        for numbers in batches(orders, first):
            if first and numbers.start > MOST_TIMES * first:
                return
            forks.make(list(self._planned(numbers)), orders.count)
            if self._is_enough():
                return

    def _planned(self, numbers: range) -> Iterator[Planned]:
        held: tuple[int, ...] = ()
        for number in numbers:
            seed = seed_of_run(self._orders, number)
            if self._orders.varied or not held:
                held = order_of_run(self._node_ids, seed)
            yield Planned(number, held, seed)

    def _repeat(self, forks: Forks) -> None:
        """Make some runs once more, one at a time: what fails there does so by itself, or because of the order."""
        for repetition in first_repetitions(self._tallies.bad, self._orders, are_different):
            self._make_again(forks, repetition)
        for repetition in second_repetitions(self._tallies.bad, self._orders):
            self._make_again(forks, repetition)

    def _make_again(self, forks: Forks, repetition: Repetition) -> None:
        (planned,) = self._planned(range(repetition.number, repetition.number + 1))
        places = [self._node_ids.index(test) for test in repetition.tests]
        if repetition.whole:
            last = max(planned.tests.index(place) for place in places)
            places = list(planned.tests[: last + 1])
        self._repetition = repetition
        forks.make([Planned(planned.number, tuple(places), planned.seed)] * REPEATS, 1, kept=False)

    def _open(self, planned: Planned, kept: bool) -> RunBook:
        if not self._directory.is_dir():
            self._forks.stop()
        header = header_of_run(
            self._header,
            new_run_id(time.time(), "stress"),
            seed=planned.seed,
            randomly=bool(self._header.settings.get("random-seed")),
            workers=self._orders.count,
        )
        home = self._directory.parent if kept and self._directory.is_dir() else None
        return RunBook(planned.number, planned.tests, header, self._collection, home)

    def _over(self, book: RunBook) -> None:
        if book.is_repetition:
            self._tallies.repeated(self._repetition, book.outcome)
            return
        result = book.result()
        self._tallies.add(book.number, book.outcomes, [self._node_ids[test] for test in book.unrun])
        if self._orders.runs is None and not result.bad and self._tallies.runs > _KEPT_PASSING:
            book.discard()
        self._tell({"run": result.as_data()})
        if self._is_enough():
            self._forks.stop()

    def _is_enough(self) -> bool:
        orders, tallies = self._orders, self._tallies
        if orders.seconds is not None and time.monotonic() - self._started >= orders.seconds:
            return True
        if orders.rate is None:
            return False
        rate = orders.rate
        return is_settled(0, tallies.runs, rate) and all(
            is_settled(one.failures, one.runs, rate) for one in tallies.bad.values()
        )

    # -- telling

    def _beat(self) -> None:
        """Let whoever waits for this process know that something goes on."""
        now = time.monotonic()
        if now - self._last_beat > _BEAT_SECONDS:
            self._last_beat = now
            self._writer.write(WorkerStarted(time.time(), "stress"))

    def _tell(self, line: dict[str, Any]) -> None:
        with (self._directory / STRESSED_NAME).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")
        if "run" in line:
            self._last_beat = 0.0
            self._beat()


def start_stressing(config: pytest.Config, handover: Handover) -> None:
    """Register what has the runs made, before any conftest is imported."""
    namespace = config.known_args_namespace
    if hasattr(namespace, "no_cov"):
        namespace.no_cov = True  # Coverage of the same lines again and again says nothing.
    start_watch(config)
    orders = StressOrders.decode(handover.probe[1])
    config.pluginmanager.register(Stresser(config, Path(handover.run_directory), orders), "isolane-stress")
