"""Fixtures for servers and repositories that tests have to themselves.

Each imports its resource when a test asks for it. A server that is not installed here skips the test, in one line that
says how to install it; with ``--isolane-require-services`` it fails the test. One that is installed, or named in the
environment, and does not work always fails it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isolane.policy.lua_runtime import LuaRuntime
    from isolane.resources.dagster import DagsterTest
    from isolane.resources.git import GitRepository
    from isolane.resources.neo4j import Neo4jDatabase, Neo4jWorker
    from isolane.resources.postgres import PostgresDatabase, PostgresWorker, Schema, WorkerDatabase
    from isolane.resources.redis import RedisDatabase, RedisWorker


@contextmanager
def _told(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the test with one line where a service is missing or does not work."""
    from isolane.model.errors import IsolaneError, ServerMissingError

    try:
        yield
    except IsolaneError as error:
        from isolane.pytest_plugin.options import value_of

        missing = isinstance(error, ServerMissingError)
        if missing and value_of(request.config, "require-services") != "on":
            pytest.skip(str(error))
        raise pytest.fail.Exception(str(error), pytrace=False) from None


@pytest.fixture(scope="session")
def isolane_git_template() -> Path | None:
    """The repository, or folder of files, that isolane_git's repositories are copies of; override it to give one."""
    return None


@pytest.fixture(scope="session")
def _isolane_git_bases(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path | None], Path]:
    """Make, once a worker for each template, the repository that tests get copies of."""
    from isolane.resources.git import make_base

    @cache
    def base(template: Path | None) -> Path:
        return make_base(tmp_path_factory.mktemp("isolane-git"), template)

    return base


@pytest.fixture
def isolane_git(
    request: pytest.FixtureRequest,
    _isolane_git_bases: Callable[[Path | None], Path],
    isolane_git_template: Path | None,
    tmp_path: Path,
) -> Iterator[GitRepository]:
    """A git repository of the test's own, removed after the test with all its worktrees."""
    from isolane.resources.git import repository

    with _told(request):
        base = _isolane_git_bases(isolane_git_template)
    with repository(tmp_path, base) as made:
        yield made


@pytest.fixture(scope="session")
def isolane_postgres_schema() -> Schema:
    """What isolane_postgres's databases start with: SQL, a file of SQL, or a function of a URL; override it."""
    return None


@pytest.fixture(scope="session")
def _isolane_postgres_worker(request: pytest.FixtureRequest) -> Iterator[PostgresWorker]:
    """Give this worker its place on the server."""
    with ExitStack() as stack:
        with _told(request):
            from isolane.resources.postgres import PostgresWorker, server

            worker = stack.enter_context(PostgresWorker(stack.enter_context(server())))
        yield worker


@pytest.fixture(scope="module")
def _isolane_postgres_database(
    request: pytest.FixtureRequest, _isolane_postgres_worker: PostgresWorker, isolane_postgres_schema: Schema
) -> Iterator[WorkerDatabase]:
    """Open this worker's connection for a module's tests; a module can have a schema of its own."""
    with _told(request):
        database = _isolane_postgres_worker.database(isolane_postgres_schema)
        database.open()
    yield database
    database.close()


@pytest.fixture
def isolane_postgres(_isolane_postgres_database: WorkerDatabase) -> Iterator[PostgresDatabase]:
    """A Postgres connection whose transaction is rolled back after the test, or a cloned database of its own."""
    with _isolane_postgres_database.test() as test:
        yield test


@pytest.fixture(scope="session")
def _isolane_redis_worker(request: pytest.FixtureRequest) -> Iterator[RedisWorker]:
    """Lease this worker a database, or a key prefix."""
    with ExitStack() as stack:
        with _told(request):
            from isolane.resources.redis import server, worker

            leased = stack.enter_context(worker(stack.enter_context(server())))
        yield leased


@pytest.fixture
def isolane_redis(_isolane_redis_worker: RedisWorker) -> Iterator[RedisDatabase]:
    """A Redis client and URL of a database that no other worker has, emptied after the test."""
    with _isolane_redis_worker.test() as database:
        yield database


@pytest.fixture(scope="session")
def _isolane_dagster_imported(request: pytest.FixtureRequest) -> None:
    """Import Dagster in this worker."""
    from isolane.resources.dagster import import_all

    with _told(request):
        import_all()


@pytest.fixture
def isolane_dagster(
    _isolane_dagster_imported: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DagsterTest]:
    """A Dagster instance in memory and contexts of the test's own; the user's DAGSTER_HOME is out of reach."""
    from isolane.resources.dagster import dagster_test

    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dagster_test(tmp_path) as test:
        yield test


@pytest.fixture(scope="session")
def _isolane_neo4j_worker(request: pytest.FixtureRequest) -> Iterator[Neo4jWorker]:
    """Lease this worker a namespace, or a database."""
    with ExitStack() as stack:
        with _told(request):
            from isolane.resources.neo4j import server, worker

            leased = stack.enter_context(worker(stack.enter_context(server())))
        yield leased


@pytest.fixture
def isolane_neo4j(_isolane_neo4j_worker: Neo4jWorker) -> Iterator[Neo4jDatabase]:
    """A Neo4j driver, and a namespace or database that no other worker has, wiped after the test."""
    with _isolane_neo4j_worker.test() as database:
        yield database


@pytest.fixture(scope="session")
def _isolane_lua_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Start a process for Lua in this worker; all of them end with it."""
    from isolane.model.errors import ServerMissingError, UsageError
    from isolane.policy.worker_pool import POOL

    with _told(request):
        try:
            from isolane.policy.lua_runtime import LuaRuntime

            with LuaRuntime() as runtime:
                runtime.execute("return nil")
        except UsageError as error:
            raise ServerMissingError(error.slug, error.what, error.hint) from None
    yield
    POOL.close()


@pytest.fixture
def isolane_lua(_isolane_lua_processes: None) -> Iterator[LuaRuntime]:
    """A sandboxed Lua runtime of the test's own, in a process that is warm; a test that kills it leaves no other."""
    from isolane.policy.lua_runtime import LuaRuntime
    from isolane.policy.worker_pool import POOL

    with POOL.kept_as_it_is(), LuaRuntime() as runtime:
        yield runtime
