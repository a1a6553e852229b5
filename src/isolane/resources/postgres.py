"""Postgres databases that are a worker's and a test's own, on one server for all workers and runs.

The server is Debian's (or any that is on the PATH), started once and stopped by its last user; or the one that
``ISOLANE_POSTGRES_URL`` names. A schema is made once, as a template database; each worker gets a clone of it, in which
each test runs in a transaction that is rolled back, and a test that wants to commit gets a clone of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlsplit

from isolane.model.errors import ServerMissingError, ServerUnavailableError, UsageError
from isolane.resources.drivers import import_driver, one_line

if TYPE_CHECKING:
    import psycopg

VARIABLE = "ISOLANE_POSTGRES_URL"
Schema: TypeAlias = "str | Path | Callable[[str], object] | None"
"""SQL, a file of SQL, a function that fills the empty database of a URL, or nothing."""

_INSTALL = "Install it: apt-get install postgresql (or name a server in ISOLANE_POSTGRES_URL)."
_DEBIAN = Path("/usr/lib/postgresql")
_SAVEPOINT = "isolane_test"
_WORKER_LOCKS, _BUILD_LOCKS, _TEMPLATE_LOCKS = 0x15014E0, 0x15014E1, 0x15014E2
"""The first of the two numbers that name an advisory lock: it is given back when the connection ends."""
_MOST_WORKERS = 1000
_FAST = {
    # All of it is thrown away when the server stops: nothing has to survive a crash.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "shared_buffers": "256MB",
    "max_connections": "500",
    "listen_addresses": "",
    "logging_collector": "off",
}


@contextmanager
def server(name: str = "postgres") -> Iterator[str]:
    """Use the server; yield the URL of its maintenance database.

    name: of the server; all who say the same one share it.

    Raises :class:`ServerMissingError` where neither a program nor a URL is there, :class:`ServerUnavailableError`
    where it does not start or answer.
    """
    given = os.environ.get(VARIABLE)
    if given:
        if urlsplit(given).scheme not in ("postgresql", "postgres"):
            raise UsageError("bad-postgres-url", f"{VARIABLE} is not a URL that begins with postgresql://.")
        yield given
        return
    from isolane.resources.shared_server import Server, server_home, use

    programs = _programs()
    user = _unprivileged_user()
    home = server_home(f"{name}-{programs.parent.name}", others_pass=user is not None)
    data = home / "data" / "cluster"
    initdb = ("-D", str(data), "--no-sync", "-A", "trust", "-U", "isolane", "-E", "UTF8", "--locale=C")
    settings = [word for name, value in _FAST.items() for word in ("-c", f"{name}={value}")]
    wanted = Server(
        name="postgres",
        prepare=[[str(programs / "initdb"), *initdb]],
        serve=[str(programs / "postgres"), "-D", str(data), "-k", str(home / "data"), *settings],
        ready="database system is ready to accept connections",
        address=f"postgresql://isolane@/postgres?host={quote(str(home / 'data'), safe='')}",
        user=user,
        signal=signal.SIGQUIT,
    )
    with use(home, wanted) as url:
        yield url


class PostgresWorker:
    """A worker's place on a server: a number that no other worker has, and databases of its own.

    Use it as a context manager: at the end its databases are dropped, and templates that nobody else uses.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        # Locks are seen only in the database that they were taken in, databases in the whole server.
        self._prefix = f"isolane_{hashlib.sha256(urlsplit(url).path.encode()).hexdigest()[:6]}"
        self._stack = ExitStack()
        self._templates: dict[object, str] = {}
        self._shared: list[tuple[int, str]] = []
        self._databases: dict[str, WorkerDatabase] = {}
        self._cloned = 0

    def __enter__(self) -> PostgresWorker:
        psycopg = _psycopg()
        try:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=30)
        except psycopg.Error as error:
            raise ServerUnavailableError("no-postgres-answer", f"Postgres does not answer: {one_line(error)}") from None
        self._maintenance = self._stack.enter_context(connection)
        self._number = self._lease()
        # What a worker left that was killed.
        self._drop_own()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for database in self._databases.values():
                database.close()
            self._drop_own()
            for key, template in self._shared:
                with self._build_lock(key):
                    self._run("SELECT pg_advisory_unlock_shared(%s, %s)", _TEMPLATE_LOCKS, key)
                    if self._ask("SELECT pg_try_advisory_lock(%s, %s)", _TEMPLATE_LOCKS, key):
                        self._drop(template)
        finally:
            self._stack.close()

    def database(self, schema: Schema = None) -> WorkerDatabase:
        """Return this worker's database of the schema, made at the first call.

        Raises :class:`UsageError`, with what Postgres said, for SQL that fails.
        """
        template = self._template(schema)
        if template not in self._databases:
            self._databases[template] = WorkerDatabase(self, template)
        return self._databases[template]

    def clone(self, template: str) -> str:
        """Make a database from a template database; return its URL."""
        self._cloned += 1
        name = f"{self._own}{self._cloned}"
        # Copying files needs a checkpoint, which is dear where fsync is on: only on our own server.
        files = not os.environ.get(VARIABLE) and self._maintenance.info.server_version >= 150000
        self._run(f"CREATE DATABASE {name} TEMPLATE {template}" + (" STRATEGY FILE_COPY" if files else ""))
        return self._url_of(name)

    def drop(self, url: str) -> None:
        """Drop a database that :meth:`clone` made, and end who is still connected to it."""
        self._drop(urlsplit(url).path.lstrip("/"))

    def _lease(self) -> int:
        for number in range(_MOST_WORKERS):
            if self._ask("SELECT pg_try_advisory_lock(%s, %s)", _WORKER_LOCKS, number):
                return number
        raise ServerUnavailableError("no-postgres-place", f"{_MOST_WORKERS} workers use this server already.")

    def _template(self, schema: Schema) -> str:
        text = schema.read_text(encoding="utf-8") if isinstance(schema, Path) else schema
        if text in self._templates:
            return self._templates[text]
        if callable(text):
            # What a function makes cannot be compared with what another process's made.
            name = f"{self._own}template_{len(self._templates)}"
            self._make_template(name, text)
        else:
            digest = hashlib.sha256((text or "").encode()).hexdigest()
            name, key = f"{self._prefix}_template_{digest[:16]}", int(digest[:7], 16)
            with self._build_lock(key):
                if not self._ask("SELECT count(*) FROM pg_database WHERE datname = %s", name):
                    self._make_template(name, text)
                self._run("SELECT pg_advisory_lock_shared(%s, %s)", _TEMPLATE_LOCKS, key)
            self._shared.append((key, name))
        self._templates[text] = name
        return name

    def _make_template(self, name: str, schema: str | Callable[[str], object] | None) -> None:
        building = f"{self._own}building"
        self._run(f"CREATE DATABASE {building} TEMPLATE template0")
        try:
            _fill(self._url_of(building), schema)
        except BaseException:
            self._drop(building)
            raise
        # A pool that the function left open would keep the template from being copied.
        self._run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", building)
        self._run(f"ALTER DATABASE {building} RENAME TO {name}")

    @contextmanager
    def _build_lock(self, key: int) -> Iterator[None]:
        self._run("SELECT pg_advisory_lock(%s, %s)", _BUILD_LOCKS, key)
        try:
            yield
        finally:
            self._run("SELECT pg_advisory_unlock(%s, %s)", _BUILD_LOCKS, key)

    @property
    def _own(self) -> str:
        """What the names of this worker's databases begin with."""
        return f"{self._prefix}_w{self._number}_"

    def _drop_own(self) -> None:
        question = "SELECT datname FROM pg_database WHERE starts_with(datname::text, %s)"
        found = self._maintenance.execute(question, (self._own,))
        for (name,) in found.fetchall():
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _run(self, statement: str, *values: object) -> None:
        psycopg = _psycopg()
        try:
            self._maintenance.execute(statement.encode(), values or None)
        except psycopg.Error as error:
            raise ServerUnavailableError("postgres-refuses", f"Postgres refuses: {one_line(error)}.") from error

    def _ask(self, question: str, *values: object) -> Any:
        row = self._maintenance.execute(question.encode(), values).fetchone()
        return row[0] if row else None

    def _url_of(self, database: str) -> str:
        parts = urlsplit(self._url)
        # Not urlunsplit: where there is no host it leaves out the slashes, which Postgres wants.
        return f"{parts.scheme}://{parts.netloc}/{database}" + (f"?{parts.query}" if parts.query else "")


class WorkerDatabase:
    """A worker's clone of a template, and the connection to it that its tests use one after the other."""

    def __init__(self, worker: PostgresWorker, template: str) -> None:
        self._worker = worker
        self.template = template
        self._url: str | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._pristine: dict[str, object] = {}
        self._transaction: AbstractContextManager[psycopg.Transaction] | None = None

    def open(self) -> psycopg.Connection[Any]:
        """Clone the template and connect, where that has not been done; return the connection."""
        if self._url is None:
            self._url = self._worker.clone(self.template)
        if self._connection is None:
            self._connection = _psycopg().connect(self._url)
        return self._connection

    def close(self) -> None:
        """Close the connection; the database stays."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def test(self) -> Iterator[PostgresDatabase]:
        """Lend it to one test: what that does in the connection's transaction is rolled back."""
        test = PostgresDatabase(self, self._worker, self.template)
        try:
            yield test
        finally:
            test.close()

    def begin(self) -> psycopg.Connection[Any]:
        """Return the connection, in a transaction."""
        connection = self.open()
        transaction = self._transaction = connection.transaction(force_rollback=True)
        transaction.__enter__()
        connection.execute(f"SAVEPOINT {_SAVEPOINT}".encode())
        self._pristine = _settings_of(connection)
        return connection

    def end(self) -> None:
        """Roll back; make connection or database anew where the test has changed what no rollback undoes."""
        connection, transaction = self._connection, self._transaction
        if connection is None or transaction is None:
            return
        try:
            connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}".encode())
            changed = _settings_of(connection) != self._pristine or _is_session_changed(connection)
            transaction.__exit__(None, None, None)
            if not changed:
                return
            self.close()
        except (_psycopg().Error, TypeError):
            # It was closed, or it ended its transaction by SQL: what is committed is there for good.
            self.close()
            if self._url is not None:
                self._worker.drop(self._url)
                self._url = None
        # Not when the next test asks: to that it would look as if the test had left the connection open.
        self.open()


class PostgresDatabase:
    """What a test has of Postgres. ``connection`` is in a transaction that is rolled back after the test."""

    def __init__(self, database: WorkerDatabase, worker: PostgresWorker, template: str) -> None:
        self._database = database
        self._worker = worker
        self._template = template
        self._connection: psycopg.Connection[Any] | None = None
        self._clones: list[str] = []

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """A psycopg connection; ``commit()`` is refused, ``with connection.transaction():`` is a savepoint."""
        if self._connection is None:
            self._connection = self._database.begin()
        return self._connection

    def clone(self) -> str:
        """Return the URL of a database of the test's own, with the schema in it, for code that connects and commits.

        It is dropped after the test, whoever is still connected.
        """
        self._clones.append(self._worker.clone(self._template))
        return self._clones[-1]

    def close(self) -> None:
        """Roll back, and drop the clones."""
        try:
            if self._connection is not None:
                self._database.end()
        finally:
            for url in self._clones:
                self._worker.drop(url)


def _fill(url: str, schema: str | Callable[[str], object] | None) -> None:
    if callable(schema):
        schema(url)
    elif schema:
        psycopg = _psycopg()
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(schema.encode())
        except psycopg.Error as error:
            raise UsageError("bad-schema", f"The schema for Postgres fails: {one_line(error)}") from None


def _settings_of(connection: psycopg.Connection[Any]) -> dict[str, object]:
    """Return what a test can set at a connection: row and cursor factories, handlers, isolation level and the like."""
    return {name: list(value) if isinstance(value, list) else value for name, value in vars(connection).items()}


def _is_session_changed(connection: psycopg.Connection[Any]) -> bool:
    """Give back what outlives a transaction, locks, and say whether statements that SQL prepared are left."""
    question = b"SELECT pg_advisory_unlock_all(), count(*) FROM pg_prepared_statements WHERE from_sql"
    answer = connection.pgconn.exec_(question)
    return answer.get_value(0, 1) != b"0"


def _psycopg() -> Any:
    return import_driver("psycopg", slug="no-psycopg", extra="postgres")


def _programs() -> Path:
    """Return the folder that has initdb and postgres: the PATH's, else the newest of Debian's."""
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    versions = [one for one in _DEBIAN.glob("*/bin") if one.parent.name.isdigit()]
    candidates += sorted(versions, key=lambda one: int(one.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    raise ServerMissingError("no-postgres", "There is no Postgres server here.", _INSTALL)


def _unprivileged_user() -> str | None:
    """Return the user that the server runs as where we are root, which initdb refuses."""
    if os.getuid() != 0:
        return None
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            pwd.getpwnam(name)
            return name
    raise ServerMissingError("no-postgres-user", "Postgres does not run as root, and there is no other user.", _INSTALL)
