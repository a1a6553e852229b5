"""Fixtures that keep tests apart. Each is there for the asking, none is used by itself.

Their machinery is imported by the fixture that needs it: a suite that uses none pays for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from isolane.pytest_plugin.own_modules import load_plugins

if TYPE_CHECKING:
    import sqlite3

    from isolane.process_state.caches import CacheClearing, CacheReference
    from isolane.process_state.env import IsolatedEnvironment

T = TypeVar("T")

_MORE = (
    "isolane.pytest_plugin.process_fixtures",
    "isolane.pytest_plugin.lease_fixtures",
    "isolane.pytest_plugin.pool_fixtures",
    "isolane.pytest_plugin.service_fixtures",
)
"""Fixtures and hooks that belong to these."""

_USAGE_ERROR = "isolane_usage_error"
"""What a worker leaves for the controller in xdist's workeroutput when its options are wrong."""
_worker_refused = pytest.StashKey[bool]()


def add_isolation_options(parser: pytest.Parser) -> None:
    """Declare the ini options of fixtures and restoration."""
    parser.addini(
        "isolane_clear_environment",
        type="args",
        default=[],
        help="Environment variables, as glob patterns, that the fixture isolated_environment removes for the test.",
    )
    parser.addini(
        "isolane_clear_caches",
        type="args",
        default=[],
        help="Caches, as module:attribute.path, that are cleared before and after each test which uses the "
        "fixture cache_clearing, and after every test under isolane.pytest_plugin.isolation.",
    )
    parser.addini(
        "isolane_known_leaks",
        type="linelist",
        default=[],
        help="What tests may leave behind, as KIND:NAME with wildcards, such as env:APP_*; one a line.",
    )
    parser.addini(
        "isolane_databases",
        type="linelist",
        default=[],
        help="Databases whose rows are looked at after each test where leaks are asked for: a path of an SQLite file, "
        "or module:attribute of an open sqlite3 connection or a function that counts rows by table; one a line.",
    )
    parser.addini(
        "isolane_restore",
        type="args",
        default=None,
        help="The kinds of process state that isolane.pytest_plugin.isolation restores after each test "
        "(env cwd umask sys_path logging warnings caches; all of them by default).",
    )


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the options, whichever way this module was loaded, and load what belongs to it."""
    add_isolation_options(parser)
    load_plugins(pluginmanager, *_MORE)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse options that cannot be meant."""
    config.addinivalue_line(
        "markers",
        "isolane_keep(KIND, ...): let these kinds of process state (all, without arguments) stay as this test "
        "leaves them",
    )
    config.addinivalue_line(
        "markers",
        "isolane_resource('NAME', ..., mode='exclusive'|'shared', cpus=1): what the test needs from outside its "
        "process: no two tests that need the same run at the same time; it counts as cpus workers",
    )
    config.addinivalue_line("markers", "isolane_alone: nothing runs beside the test")
    config.addinivalue_line(
        "markers",
        "isolane_leak('KIND:NAME', ..., reason=None): this test is known to leave that behind; wildcards as in a shell",
    )
    if config.getini("isolane_restore"):
        from isolane.process_state.kinds import check_names

        _in_ini("isolane_restore", lambda: check_names(config.getini("isolane_restore")))
    cache_references(config)


def cache_references(config: pytest.Config) -> list[CacheReference]:
    """Return the caches named in the ini file; ``pytest.UsageError`` if one is not well formed."""
    names = config.getini("isolane_clear_caches")
    if not names:
        return []
    from isolane.process_state.caches import CacheReference

    return _in_ini("isolane_clear_caches", lambda: [CacheReference.parse(name) for name in names])


def _in_ini(option: str, read: Callable[[], T]) -> T:
    from isolane.model.errors import UsageError

    try:
        return read()
    except UsageError as error:
        raise pytest.UsageError(f"{option}: {error}") from None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuse caches that do not exist. Only now, with all test modules imported, is the import path final."""
    if not session.items:
        return
    for reference in cache_references(session.config):
        try:
            _in_ini("isolane_clear_caches", reference.check)
        except pytest.UsageError as error:
            output = getattr(session.config, "workeroutput", None)
            if output is None:
                raise
            # In a worker, raising would look like a crash. Stop, and let the controller tell.
            output[_USAGE_ERROR] = True
            session.shouldfail = str(error)
            return


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run no test in a worker that found a usage error."""
    return True if _USAGE_ERROR in getattr(session.config, "workeroutput", ()) else None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over a worker's usage error."""
    if _USAGE_ERROR in (getattr(node, "workeroutput", None) or ()):
        node.config.stash[_worker_refused] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Exit with 4 where a worker found a usage error; xdist has printed it by now."""
    if _worker_refused in session.config.stash:
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


@pytest.fixture
def isolated_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> IsolatedEnvironment:
    """Changes to environment variables that are undone after the test: set, delete, clear by glob pattern.

    The variables that ``isolane_clear_environment`` names are already gone when the test starts.
    """
    from isolane.process_state.env import IsolatedEnvironment

    environment = IsolatedEnvironment(monkeypatch)
    for pattern in request.config.getini("isolane_clear_environment"):
        environment.clear(pattern)
    return environment


@pytest.fixture
def settings_factory() -> Callable[..., Any]:
    """Make settings: ``settings_factory(Settings, n0=5)`` is a fresh instance at every call, never a cached one."""
    from isolane.process_state.settings import fresh_settings

    return fresh_settings


@pytest.fixture(scope="session")
def sqlite_template() -> Path | None:
    """The database file that sqlite_memory and sqlite_file start from; override it to give them a schema."""
    return None


@pytest.fixture
def sqlite_memory(sqlite_template: Path | None) -> Iterator[sqlite3.Connection]:
    """An open connection to a database in memory, foreign keys enforced, closed after the test."""
    from isolane.resources.sqlite import memory_database

    with memory_database(sqlite_template) as connection:
        yield connection


@pytest.fixture
def sqlite_file(tmp_path: Path, sqlite_template: Path | None) -> Iterator[Path]:
    """The path of a database file of the test's own in tmp_path, removed after the test."""
    from isolane.resources.sqlite import file_database

    with file_database(tmp_path, sqlite_template) as path:
        yield path


@pytest.fixture
def cache_clearing(request: pytest.FixtureRequest) -> Iterator[CacheClearing]:
    """Clear caches: ``cache_clearing(get_settings)`` now, and again after the test.

    The caches that ``isolane_clear_caches`` names are cleared before and after the test without being asked.
    """
    from isolane.process_state.caches import CacheClearing

    clearing = CacheClearing(cache_references(request.config))
    clearing.clear()
    yield clearing
    clearing.clear()
