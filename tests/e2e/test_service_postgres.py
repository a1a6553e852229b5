"""Postgres, the real one: one server for all, a database a worker, a transaction or a clone a test."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from service_suites import POSTGRES
from throwaway_project import Project

from isolane.model.errors import ServerMissingError, ServerUnavailableError, UsageError
from isolane.resources.postgres import PostgresWorker, WorkerDatabase, server

pytestmark = pytest.mark.server

SCHEMA = "CREATE TABLE stop (id int PRIMARY KEY); INSERT INTO stop VALUES (1);"
COUNT = "SELECT count(*) FROM stop"


@pytest.fixture(scope="module")
def worker(request: pytest.FixtureRequest) -> Iterator[PostgresWorker]:
    request.getfixturevalue("_isolane_postgres_worker")  # Skips, or fails, where there is no server.
    with server() as url, PostgresWorker(url) as worker:
        yield worker


@pytest.fixture
def database(worker: PostgresWorker) -> WorkerDatabase:
    return worker.database(SCHEMA)


def counted(database: WorkerDatabase) -> int:
    with database.test() as test:
        return test.connection.execute(COUNT).fetchall()[0][0]


def test_what_a_test_does_in_the_connection_is_rolled_back(database: WorkerDatabase) -> None:
    with database.test() as test:
        test.connection.execute("INSERT INTO stop VALUES (2)")
        test.connection.execute("CREATE TABLE other (id int)")
        assert test.connection.execute(COUNT).fetchone() == (2,)
        first = test.connection
    with database.test() as test:
        assert test.connection is first, "a new connection for each test costs ten times as much"
        assert test.connection.execute(COUNT).fetchone() == (1,)
        assert test.connection.execute("SELECT to_regclass('other')").fetchone() == (None,)


def test_a_test_that_failed_in_its_transaction_is_rolled_back_too(database: WorkerDatabase) -> None:
    with database.test() as test:
        test.connection.execute("INSERT INTO stop VALUES (2)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            test.connection.execute("INSERT INTO stop VALUES (2)")
    assert counted(database) == 1


def test_transactions_in_it_are_savepoints_and_a_commit_is_refused(database: WorkerDatabase) -> None:
    with database.test() as test:
        with test.connection.transaction():
            test.connection.execute("INSERT INTO stop VALUES (2)")
        with test.connection.transaction(force_rollback=True):
            test.connection.execute("INSERT INTO stop VALUES (3)")
        assert test.connection.execute(COUNT).fetchone() == (2,)
        with pytest.raises(psycopg.ProgrammingError, match="commit"):
            test.connection.commit()
    assert counted(database) == 1


@pytest.mark.parametrize("statement", ["COMMIT", "COMMIT; BEGIN", "COMMIT; BEGIN; SELECT 1/0", "ROLLBACK"])
def test_a_commit_by_sql_costs_a_new_database_and_nothing_stays(database: WorkerDatabase, statement: str) -> None:
    with database.test() as test:
        test.connection.execute("INSERT INTO stop VALUES (2)")
        try:
            test.connection.execute(statement)
        except psycopg.errors.DivisionByZero:
            assert "1/0" in statement
    assert counted(database) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda connection: connection.close(),
        lambda connection: setattr(connection, "row_factory", psycopg.rows.dict_row),
        lambda connection: connection.add_notice_handler(print),
        lambda connection: connection.execute("SELECT pg_advisory_lock(77)"),
        lambda connection: connection.execute("PREPARE mine AS SELECT 1"),
        lambda connection: connection.execute("SET search_path = nowhere"),
        lambda connection: connection.transaction().__enter__(),
        lambda connection: connection.execute("DECLARE kept CURSOR WITH HOLD FOR SELECT 1"),
    ],
    ids=["close", "row-factory", "handler", "lock", "prepare", "set", "open-transaction", "cursor"],
)
def test_what_a_test_changes_at_the_connection_is_not_seen_by_the_next(database: WorkerDatabase, change) -> None:
    with database.test() as test:
        change(test.connection)
    with database.test() as test:
        assert test.connection.execute(COUNT).fetchone() == (1,)
        assert test.connection._notice_handlers == []
        test.connection.execute("PREPARE mine AS SELECT 2")
        assert test.connection.execute("SELECT count(*) FROM pg_locks WHERE objid = 77").fetchone() == (0,)
        assert test.connection.execute("SELECT count(*) FROM pg_cursors WHERE name = 'kept'").fetchone() == (0,)


def test_a_clone_is_a_database_of_the_tests_own_and_gone_afterwards(database: WorkerDatabase) -> None:
    with database.test() as test:
        urls = test.clone(), test.clone()
        for url in urls:
            with psycopg.connect(url) as connection:
                connection.execute("INSERT INTO stop VALUES (2)")
            with psycopg.connect(url) as connection:
                assert connection.execute(COUNT).fetchone() == (2,)
        left_open = psycopg.connect(urls[0])
    with pytest.raises(psycopg.OperationalError):
        left_open.execute(COUNT)
    left_open.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(urls[1])
    assert counted(database) == 1


def test_a_schema_is_sql_a_file_or_a_function(worker: PostgresWorker, tmp_path: Path) -> None:
    file = tmp_path / "schema.sql"
    file.write_text(SCHEMA, encoding="utf-8")

    def fill(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE stop AS SELECT * FROM generate_series(1, 5)")

    assert worker.database(file) is worker.database(SCHEMA)
    assert counted(worker.database(fill)) == 5
    assert worker.database(fill) is worker.database(fill)
    with worker.database().test() as test:
        assert test.connection.execute("SELECT to_regclass('stop')").fetchone() == (None,)


def test_a_schema_that_fails_is_one_line_and_can_be_mended(worker: PostgresWorker) -> None:
    for _ in range(2):
        with pytest.raises(UsageError, match=r'fails: relation "nowhere" does not exist') as caught:
            worker.database("SELECT * FROM nowhere")
        assert "\n" not in str(caught.value)


def test_a_function_that_fails_says_why_each_time_and_can_be_mended(worker: PostgresWorker) -> None:
    is_broken = True

    def fill(url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute(SCHEMA)
            if is_broken:
                raise LookupError("no such migration")

    for _ in range(2):
        with pytest.raises(LookupError, match="no such migration"):
            worker.database(fill)
    is_broken = False
    assert counted(worker.database(fill)) == 1


def test_workers_share_a_template_and_the_last_one_drops_it(worker: PostgresWorker) -> None:
    schema = f"CREATE TABLE {'t' + uuid.uuid4().hex} (id int)"
    question = "SELECT count(*) FROM pg_database WHERE datname = %s"
    with server() as url, psycopg.connect(url, autocommit=True) as connection:
        with PostgresWorker(url) as one:
            with PostgresWorker(url) as two:
                names = {one.database(schema).template, two.database(schema).template}
                (name,) = names
                assert two.database(schema) is not one.database(schema)
            assert connection.execute(question, (name,)).fetchone() == (1,)
        assert connection.execute(question, (name,)).fetchone() == (0,)


def test_a_url_without_a_host_is_one_too(worker: PostgresWorker) -> None:
    with server() as url:
        folder = parse_qs(urlsplit(url).query)["host"][0]
        with PostgresWorker(f"postgresql:///postgres?host={folder}&user=isolane") as other:
            assert counted(other.database(SCHEMA)) == 1


USER = """
import sys
from isolane.resources.postgres import PostgresWorker, server
with server(sys.argv[1]) as url, PostgresWorker(url) as worker:
    with worker.database("CREATE TABLE stop (id int)").test() as test:
        test.connection.execute("INSERT INTO stop VALUES (1)")
        print(url, worker.clone(worker.database("CREATE TABLE stop (id int)").template), flush=True)
        sys.stdin.read()
"""


def start_user(name: str) -> tuple[subprocess.Popen[str], str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", USER, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    url, clone = process.stdout.readline().split()
    return process, url, clone


def end(process: subprocess.Popen[str], number: int | None = None) -> None:
    if number is not None:
        process.send_signal(number)
    process.communicate(timeout=60)


def home_of(url: str) -> Path:
    (socket_folder,) = parse_qs(urlsplit(url).query)["host"]
    return Path(socket_folder).parent


def is_stopped(home: Path) -> bool:
    """Whether, when the server's keeper has ended, nothing of it is left."""
    with (home / "keeper").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    return not (home / "server.json").exists() and not (home / "data").exists()


@pytest.mark.usefixtures("_isolane_postgres_worker")
def test_one_server_for_all_and_the_last_user_stops_it_even_when_killed() -> None:
    own_server = f"test-{uuid.uuid4().hex[:8]}"
    one, url, clone = start_user(own_server)
    home = home_of(url)
    two, other_url, other_clone = start_user(own_server)
    assert url == other_url
    assert clone != other_clone
    end(one, signal.SIGKILL)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    three, _, third_clone = start_user(own_server)
    assert third_clone != other_clone
    assert third_clone == clone, "the place of who was killed is free again, and cleaned"
    end(three)
    end(two, signal.SIGKILL)
    assert is_stopped(home)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    four, url, _ = start_user(own_server)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    end(four)
    assert is_stopped(home)
    shutil.rmtree(home)


@pytest.mark.usefixtures("_isolane_postgres_worker")
def test_a_user_that_may_not_create_databases_is_one_line(project: Project) -> None:
    with server(f"test-{uuid.uuid4().hex[:8]}") as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE ROLE somebody LOGIN")
        project.write(POSTGRES)
        ended = project.pytest("-n", "2", ISOLANE_POSTGRES_URL=url.replace("isolane@", "somebody@"))
    assert "13 errors" in ended.out, ended.text
    assert "Postgres refuses: permission denied to create database. [postgres-refuses]" in ended.out
    assert "Traceback" not in ended.text
    home = home_of(url)
    assert is_stopped(home)
    shutil.rmtree(home)


def test_what_is_missing_or_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOLANE_POSTGRES_URL", "mysql://localhost/x")
    with pytest.raises(UsageError, match="is not a URL that begins with postgresql://"), server():
        pass
    monkeypatch.setenv("ISOLANE_POSTGRES_URL", f"postgresql://nobody@/x?host={tmp_path}")
    with server() as url, pytest.raises(ServerUnavailableError, match="Postgres does not answer"):
        PostgresWorker(url).__enter__()
    monkeypatch.delenv("ISOLANE_POSTGRES_URL")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("isolane.resources.postgres._DEBIAN", tmp_path)
    with pytest.raises(ServerMissingError, match="apt-get install postgresql"), server():
        pass


@pytest.mark.usefixtures("_isolane_postgres_worker")
def test_a_server_that_is_named_is_used_and_left_as_it_was(project: Project) -> None:
    names = "SELECT array_agg(datname ORDER BY datname) FROM pg_database"
    name = f"test-{uuid.uuid4().hex[:8]}"
    with server(name) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE isolane_of_somebody")
        before = connection.execute(names).fetchone()
        project.write(POSTGRES)
        ended = project.pytest("-n", "2", "--dist", "load", ISOLANE_POSTGRES_URL=url)
        assert "1 failed, 12 passed" in ended.out, ended.text
        assert connection.execute(names).fetchone() == before
    home = home_of(url)
    assert is_stopped(home)
    shutil.rmtree(home)
