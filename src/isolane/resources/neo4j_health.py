"""Does Neo4j stand so many connections at once: does the pool open, does nothing time out, does nothing deadlock?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from isolane.resources.drivers import one_line

if TYPE_CHECKING:
    import neo4j

_ROUNDS = 5
_SECONDS_TO_MEET = 60.0


@dataclass(frozen=True)
class Health:
    """What the check found. opened: connections that were held at once. slowest: seconds of the longest transaction.

    retried: transactions that the server ended, for a deadlock mostly, and the driver repeated. counted: what the
    counter that all increment ended at. expected: what it has to be. errors: one line each.
    """

    connections: int
    opened: int
    slowest: float
    retried: int
    counted: int
    expected: int
    errors: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        """Whether all connections opened, nothing was retried, lost or failed."""
        return (
            not self.errors and not self.retried and self.opened == self.connections and self.counted == self.expected
        )


def check(driver: neo4j.Driver, database: str | None, namespace: str, connections: int) -> Health:
    """Hold so many transactions open at once, then have all of them increment one counter, several times.

    Nodes that it makes are in the namespace, and removed. A pool of fewer connections than are asked for shows as an
    error for each that did not get one in the driver's ``connection_acquisition_timeout``.
    """
    lane = _Lane(driver, database, f"`{namespace}Health`", connections)
    lane.query("MERGE (c:$$ {id: 0}) SET c.count = 0")
    try:
        with ThreadPoolExecutor(connections) as threads:
            for step in (lane.hold, lane.increment):
                for future in [threads.submit(step) for _ in range(connections)]:
                    lane.note(future.result)
        counted = lane.query("MATCH (c:$$ {id: 0}) RETURN c.count AS count")[0]["count"]
    finally:
        lane.query("MATCH (c:$$) DETACH DELETE c")
    return Health(
        connections,
        lane.opened,
        lane.slowest,
        lane.attempts - connections * _ROUNDS,
        counted,
        connections * _ROUNDS,
        tuple(lane.errors),
    )


class _Lane:
    """What the threads of a check share."""

    def __init__(self, driver: neo4j.Driver, database: str | None, label: str, connections: int) -> None:
        self._driver = driver
        self._database = database
        self._label = label
        self._all_hold = threading.Barrier(connections)
        self._lock = threading.Lock()
        self.opened = 0
        self.attempts = 0
        self.slowest = 0.0
        self.errors: list[str] = []

    def query(self, text: str) -> list[neo4j.Record]:
        query: Any = text.replace("$$", self._label)
        return self._driver.execute_query(query, database_=self._database).records

    def note(self, result: Callable[[], None]) -> None:
        try:
            result()
        except Exception as error:  # noqa: BLE001  whatever a driver can raise is what is asked for
            self.errors.append(f"{type(error).__name__}: {one_line(error)}")

    def hold(self) -> None:
        """Open a transaction, and keep it until all have one."""
        try:
            with self._driver.session(database=self._database) as session, session.begin_transaction() as transaction:
                transaction.run("RETURN 1").consume()
                with self._lock:
                    self.opened += 1
                self._all_hold.wait(_SECONDS_TO_MEET)
        except threading.BrokenBarrierError:
            return  # Another one has the reason.
        except BaseException:
            self._all_hold.abort()
            raise

    def increment(self) -> None:
        for _ in range(_ROUNDS):
            started = perf_counter()
            with self._driver.session(database=self._database) as session:
                session.execute_write(self._add_one)
            with self._lock:
                self.slowest = max(self.slowest, perf_counter() - started)

    def _add_one(self, transaction: neo4j.ManagedTransaction) -> None:
        with self._lock:
            self.attempts += 1
        # Locks the node before it is read: two that read first and then both want to write would deadlock.
        query: Any = f"MATCH (c:{self._label} {{id: 0}}) SET c.locked = true SET c.count = c.count + 1"
        transaction.run(query).consume()
