"""Neo4j for one test: a namespace of labels and properties that is a worker's own, or a database where there are many.

The server is a Neo4j 5 that all workers and runs share, started from its jars with Java 17 or newer; or the one that
``NEO4J_URI`` names, with ``NEO4J_USERNAME`` and ``NEO4J_PASSWORD``.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isolane.model.errors import ServerMissingError, ServerUnavailableError
from isolane.resources.drivers import import_driver, one_line

if TYPE_CHECKING:
    import neo4j

    from isolane.resources.neo4j_health import Health

JARS_VARIABLE = "ISOLANE_NEO4J_JARS"
_INSTALL = "Run tests/servers/neo4j/fetch of isolane, or name a server in NEO4J_URI."
_SECONDS_TO_START = 120.0
_SECONDS_FOR_CONNECTION = 30.0
POOL_SIZE = 50
"""How many connections a test's driver has at most; a session or transaction holds one while it is open."""

_MAIN = "org.neo4j.server.CommunityEntryPoint"
_JAVA = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_SETTINGS = {
    "server.http.enabled": "false",
    "server.https.enabled": "false",
    "dbms.usage_report.enabled": "false",
    "db.tx_log.preallocate": "false",
    "server.memory.pagecache.size": "32m",
    "server.bolt.thread_pool_max_size": "1000",
    "dbms.security.auth_minimum_password_length": "1",
}


@dataclass(frozen=True)
class Address:
    """Where a server is, and as whom to log in; no user is a server that asks for none."""

    uri: str
    user: str = ""
    password: str = ""


@contextmanager
def server(name: str = "neo4j") -> Iterator[Address]:
    """Use the server; yield its address. name: of the server; all who say the same one share it.

    Raises :class:`ServerMissingError` where neither Java and jars nor a URI are there,
    :class:`ServerUnavailableError` where it does not start.
    """
    given = os.environ.get("NEO4J_URI")
    if given:
        user = os.environ.get("NEO4J_USERNAME", "neo4j")
        yield Address(given, user, os.environ.get("NEO4J_PASSWORD", ""))
        return
    from isolane.resources.shared_server import Server, server_home, use

    java = shutil.which("java")
    if java is None:
        raise ServerMissingError("no-java", "There is no java on the PATH.", "Install it: apt-get install default-jre.")
    jars = _jars()
    home = server_home(name)
    data = home / "data"
    address = f"127.0.0.1:{_free_port()}"
    password = secrets.token_hex(16)
    settings = {**_SETTINGS, "server.bolt.listen_address": address, "server.bolt.advertised_address": address}
    wanted = Server(
        name="neo4j",
        serve=[java, *_JAVA, "-cp", f"{jars}/*", _MAIN, f"--home-dir={data}", f"--config-dir={data}", "--console-mode"],
        ready="Started.",
        address={"uri": f"bolt://{address}", "user": "neo4j", "password": password},
        seconds=_SECONDS_TO_START,
        signal=signal.SIGKILL,  # Its data is thrown away, and an orderly end takes ten seconds.
        files={
            "neo4j.conf": "".join(f"{key}={value}\n" for key, value in settings.items()),
            "data/dbms/auth.ini": _login("neo4j", password),
        },
    )
    with use(home, wanted) as found:
        yield Address(**found)


@contextmanager
def worker(address: Address) -> Iterator[Neo4jWorker]:
    """Lease a worker's place on a server: a database of its own where there are several, else a namespace.

    The lease holds between processes of one user on one machine. Raises
    :class:`ServerUnavailableError` if the server does not answer.
    """
    from isolane.resources.shared_server import lease_place

    with ExitStack() as stack:
        driver = stack.enter_context(connect(address))
        number = stack.enter_context(lease_place("neo4j", address.uri))
        own = f"isolane{number}"
        if _edition(driver) == "enterprise":
            driver.execute_query(f"CREATE DATABASE {own} IF NOT EXISTS WAIT", database_="system")
            stack.callback(driver.execute_query, f"DROP DATABASE {own} IF EXISTS WAIT", database_="system")
            found = Neo4jWorker(address, driver, own, "")
        else:
            found = Neo4jWorker(address, driver, None, f"{own}_")
        found.wipe()  # What a worker left that was killed.
        yield found


@contextmanager
def connect(address: Address, pool_size: int = POOL_SIZE) -> Iterator[neo4j.Driver]:
    """Open a driver, see that the server answers, and close it afterwards."""
    package = _driver_package()
    login = (address.user, address.password) if address.user and address.password else None
    try:
        driver = package.GraphDatabase.driver(
            address.uri,
            auth=login,
            max_connection_pool_size=pool_size,
            connection_acquisition_timeout=_SECONDS_FOR_CONNECTION,
        )
    except (ValueError, package.exceptions.ConfigurationError) as error:
        raise ServerUnavailableError("bad-neo4j-uri", f"NEO4J_URI cannot be used: {one_line(error)}") from None
    with driver:
        try:
            driver.verify_connectivity()
        except (package.exceptions.DriverError, package.exceptions.Neo4jError) as error:
            raise ServerUnavailableError("no-neo4j-answer", f"Neo4j does not answer: {one_line(error)}") from None
        yield driver


class Neo4jWorker:
    """A worker's place. database: its name, None for the server's default. namespace: empty in one of its own."""

    def __init__(self, address: Address, driver: neo4j.Driver, database: str | None, namespace: str) -> None:
        self.address = address
        self.driver = driver
        self.database = database
        self.namespace = namespace

    @contextmanager
    def test(self) -> Iterator[Neo4jDatabase]:
        """Lend it, empty, to one test, and wipe it afterwards: nodes, constraints and indexes."""
        try:
            with ExitStack() as stack:
                yield Neo4jDatabase(self, stack)
        finally:
            self.wipe()

    def wipe(self) -> None:
        """Remove all nodes of the namespace with their relationships, then its constraints and indexes."""
        # Quiet: the form of CALL that every Neo4j 5 takes is deprecated in the newest ones.
        with self.driver.session(database=self.database, notifications_min_severity="OFF") as session:
            # A session of its own, since it commits by itself.
            session.run(
                "MATCH (n) WHERE $ns = '' OR any(name IN labels(n) + keys(n) WHERE name STARTS WITH $ns) "
                "CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS",
                ns=self.namespace,
            ).consume()
            self._drop(session, "CONSTRAINT", "SHOW CONSTRAINTS YIELD name, labelsOrTypes, properties")
            self._drop(
                session,
                "INDEX",
                "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint "
                "WHERE type <> 'LOOKUP' AND owningConstraint IS NULL",
            )

    def _drop(self, session: neo4j.Session, kind: str, listing: Any) -> None:
        for record in session.run(listing).data():
            names = [record["name"], *(record["labelsOrTypes"] or ()), *(record["properties"] or ())]
            if any(name.startswith(self.namespace) for name in names):
                command: Any = f"DROP {kind} {_quoted(record['name'])} IF EXISTS"
                session.run(command).consume()


class Neo4jDatabase:
    """What a test has of Neo4j.

    Where the server has one database, and Community has, workers share it: labels, property keys, and names of
    constraints and indexes have to begin with ``namespace``. :meth:`label` and :meth:`property` see to that, and
    :meth:`run` puts it where a query has ``$$``.
    """

    def __init__(self, worker: Neo4jWorker, stack: ExitStack) -> None:
        self._address = worker.address
        self._stack = stack
        self._driver: neo4j.Driver | None = None
        self.database = worker.database
        self.namespace = worker.namespace

    @property
    def driver(self) -> neo4j.Driver:
        """The test's own driver, made when it is first asked for, and closed after the test with all connections."""
        if self._driver is None:
            self._driver = self._stack.enter_context(connect(self._address))
        return self._driver

    def label(self, name: str) -> str:
        """Return the label in the worker's namespace, quoted for Cypher."""
        return _quoted(self.namespace + name)

    def property(self, key: str) -> str:
        """Return the property key in the worker's namespace, quoted for Cypher."""
        return _quoted(self.namespace + key)

    def session(self, **settings: Any) -> neo4j.Session:
        """Open a session on the test's database; it is closed after the test."""
        # A transaction that is still open is rolled back.
        return self._stack.enter_context(self.driver.session(**{"database": self.database, **settings}))

    def run(self, query: str, **values: Any) -> list[dict[str, Any]]:
        """Run one query in a transaction of its own, retried as the driver does; return its records as dicts.

        ``$$`` in the query becomes the namespace: ``MATCH (s:$$Stop) RETURN s.name AS name``.
        """
        text: Any = query.replace("$$", self.namespace)
        records = self.driver.execute_query(text, values, database_=self.database).records
        return [record.data() for record in records]

    def health(self, connections: int = POOL_SIZE) -> Health:
        """Use a pool of that size to the full, and say what went wrong; see :func:`neo4j_health.check`."""
        from isolane.resources.neo4j_health import check

        with connect(self._address, connections) as driver:
            return check(driver, self.database, self.namespace, connections)


def _edition(driver: neo4j.Driver) -> str:
    package = _driver_package()
    try:
        records = driver.execute_query("CALL dbms.components() YIELD edition RETURN edition").records
    except package.exceptions.Neo4jError:
        return ""  # A server that speaks Bolt, and is not Neo4j.
    return str(records[0]["edition"]) if records else ""


def _jars() -> Path:
    """Return the folder with the server's jars: the named one, that of a distribution, or what ``fetch`` has filled."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    candidates = [cache / "isolane" / "neo4j"]
    if os.environ.get("NEO4J_HOME"):
        candidates.insert(0, Path(os.environ["NEO4J_HOME"]) / "lib")
    if os.environ.get(JARS_VARIABLE):
        candidates = [Path(os.environ[JARS_VARIABLE])]
    for folder in candidates:
        if any(folder.glob("*neo4j-kernel-*.jar")):
            return folder
    raise ServerMissingError("no-neo4j", "There is no Neo4j server here.", _INSTALL)


def _login(user: str, password: str) -> str:
    """Return the line that Neo4j reads its first user from: SHA-256, salted, 1,024 times."""
    salt = secrets.token_bytes(32)
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(1023):
        digest = hashlib.sha256(digest).digest()
    return f"{user}:SHA-256,{digest.hex().upper()},{salt.hex().upper()},1024:\n"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _quoted(name: str) -> str:
    return "`" + re.sub("`", "``", name) + "`"


def _driver_package() -> Any:
    return import_driver("neo4j", slug="no-neo4j-driver", extra="neo4j")
