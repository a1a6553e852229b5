"""The fixtures, used by small suites in processes of their own: what a test does with them, the next one does not see.

Restoration is off in these suites. What the fixtures undo, they undo by themselves.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from isolation_suites import ON, run

SERVICE = '''
"""A service as they are: settings read once, a start-up time, a database path and a key from the environment."""
import functools, os, sqlite3, types

class Settings:
    n0 = 20
    half_life_days = 30

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, type(getattr(self, name))(value))

@functools.lru_cache
def get_settings():
    return Settings(n0=os.environ.get("BMTC_N0", 20))

lifespan = types.SimpleNamespace(startup_time=None)

def forget_startup():
    lifespan.startup_time = None

def connect():
    if os.environ.get("BMTC_API_KEY") != "test-key":
        raise PermissionError("wrong key")
    return sqlite3.connect(os.environ["BMTC_DB_PATH"])
'''


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makepyfile(service=SERVICE)
    return pytester


@pytest.mark.req("FR-5")
def test_key_and_path_of_one_test_are_not_seen_by_the_next(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMTC_API_KEY", "production")
    monkeypatch.setenv("BMTC_DEBUG", "1")
    suite.makeini("[pytest]\nisolane_clear_environment = BMTC_DEB*\n    OTHER_*\n")
    suite.makepyfile(
        """
        import os, pytest, service

        def test_its_own(isolated_environment, sqlite_file, monkeypatch):
            assert "BMTC_DEBUG" not in os.environ
            isolated_environment.set("BMTC_API_KEY", "test-key")
            isolated_environment.set("BMTC_DB_PATH", sqlite_file)
            monkeypatch.setenv("BMTC_API_KEY", "another")
            isolated_environment.set("BMTC_API_KEY", "test-key")
            service.connect().close()

        def test_next():
            assert os.environ["BMTC_API_KEY"] == "production"
            assert os.environ["BMTC_DEBUG"] == "1"
            assert "BMTC_DB_PATH" not in os.environ

        def test_failing(monkeypatch, isolated_environment):
            monkeypatch.setenv("BMTC_API_KEY", "first")
            isolated_environment.set("BMTC_API_KEY", "second")
            isolated_environment.clear("BMTC_*")
            assert False

        test_after_failing = test_next
        """
    )
    run(suite).assert_outcomes(passed=3, failed=1)


@pytest.mark.req("FR-4")
def test_databases_in_memory_and_in_files_are_a_tests_own(suite: pytest.Pytester) -> None:
    suite.makeconftest(
        """
        import sqlite3, pytest

        @pytest.fixture(scope="session")
        def sqlite_template(tmp_path_factory):
            path = tmp_path_factory.mktemp("template") / "schema.sqlite3"
            connection = sqlite3.connect(path)
            connection.executescript("CREATE TABLE stop (id); INSERT INTO stop VALUES (1);")
            connection.close()
            return path
        """
    )
    suite.makepyfile(
        """
        import sqlite3, pytest

        SEEN = []

        @pytest.mark.parametrize("time", [1, 2])
        def test_memory(sqlite_memory, time):
            assert all(sqlite_memory is not other for other in SEEN)
            SEEN.append(sqlite_memory)
            sqlite_memory.execute("INSERT INTO stop VALUES (2)")
            assert sqlite_memory.execute("SELECT count(*) FROM stop").fetchone() == (2,)
            assert sqlite_memory.execute("PRAGMA foreign_keys").fetchone() == (1,)

        @pytest.mark.parametrize("time", [1, 2])
        def test_file(sqlite_file, time, tmp_path):
            assert sqlite_file.parent == tmp_path
            assert not any(path.exists() for path in SEEN if hasattr(path, "exists"))
            SEEN.append(sqlite_file)
            connection = sqlite3.connect(sqlite_file)
            connection.execute("INSERT INTO stop VALUES (2)")
            connection.commit()
            assert connection.execute("SELECT count(*) FROM stop").fetchone() == (2,)
            connection.close()
            assert time == 2, "fails once, and is cleaned up after that too"

        def test_closed():
            with pytest.raises(sqlite3.ProgrammingError):
                SEEN[0].execute("SELECT 1")
        """
    )
    run(suite).assert_outcomes(passed=4, failed=1)


@pytest.mark.req("FR-6")
def test_caches_are_cleared_before_and_after_a_test(suite: pytest.Pytester) -> None:
    suite.makeini("[pytest]\nisolane_clear_caches = service:get_settings.cache_clear\n")
    suite.makepyfile(
        """
        import service

        def test_by_itself(cache_clearing, isolated_environment):
            isolated_environment.set("BMTC_N0", "5")
            assert service.get_settings().n0 == 5
            cache_clearing(service.forget_startup)
            service.lifespan.startup_time = "12:00"
            assert False, "cleared also after a failure"

        def test_next():
            assert service.get_settings().n0 == 20
            assert service.lifespan.startup_time is None
            service.get_settings().n0 = "left behind by a test without the fixture"

        def test_cleared_before(cache_clearing):
            assert service.get_settings().n0 == 20

        def test_by_name(cache_clearing):
            service.get_settings().n0 = "left behind"
            cache_clearing(service.get_settings)
            assert service.get_settings().n0 == 20
        """
    )
    run(suite).assert_outcomes(passed=3, failed=1)


def test_settings_are_fresh_at_every_call(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import service

        def test_settings(settings_factory):
            first, second = settings_factory(service.Settings, n0=5), settings_factory(service.Settings)
            assert (first.n0, second.n0) == (5, 20)
            assert settings_factory(service.get_settings) is not service.get_settings()
        """
    )
    run(suite).assert_outcomes(passed=1)


@pytest.mark.req("R2.1")
def test_files_of_tests_in_parallel_are_unique_and_gone_afterwards(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pathlib, pytest

        @pytest.mark.parametrize("number", range(12))
        def test_file(sqlite_file, request, number):
            record = pathlib.Path(request.config.rootpath, "files", str(number))
            record.write_text(f"{request.config.workerinput['workerid']} {sqlite_file}")
        """
    )
    files = suite.mkdir("files")
    run(suite, "-n", "2", "--dist", "load", "-o", "tmp_path_retention_policy=failed").assert_outcomes(passed=12)
    records = [record.read_text().split(" ", 1) for record in files.iterdir()]
    assert {worker for worker, _ in records} == {"gw0", "gw1"}
    assert len({path for _, path in records}) == 12
    assert not any(Path(path).parent.exists() for _, path in records)


@pytest.mark.parametrize(
    ("workers", "option", "value", "line"),
    [
        ("0", "isolane_restore", "env environment", "there is no kind of state 'environment'."),
        ("0", "isolane_clear_caches", "service", "'service' is not of the form module:attribute"),
        ("0", "isolane_clear_caches", "nowhere:x", "nowhere:x cannot be found: there is no module 'nowhere'."),
        ("0", "isolane_clear_caches", "service:x", "service:x cannot be found: no attribute 'x'."),
        ("0", "isolane_clear_caches", "service:Settings.n0", "service:Settings.n0 cannot be called: it is 20."),
        ("2", "isolane_restore", "environment", "there is no kind of state 'environment'."),
        ("2", "isolane_clear_caches", "service:x", "service:x cannot be found: no attribute 'x'."),
    ],
)
def test_a_wrong_option_is_one_clear_line_and_a_usage_error(
    suite: pytest.Pytester, workers: str, option: str, value: str, line: str
) -> None:
    suite.makepyfile("import pathlib, service\ndef test_it(): pathlib.Path('it ran').touch()")
    result = run(suite, "-n", workers, "-o", f"{option}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = [text for text in [*result.outlines, *result.errlines] if "isolane_" in text]
    assert len(told) == 1
    assert f"{option}: {line}" in told[0]
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert not suite.path.joinpath("it ran").exists()


def test_a_cache_that_turns_out_wrong_when_its_module_is_loaded_late_is_one_line_in_the_test(
    suite: pytest.Pytester,
) -> None:
    suite.makepyfile("def test_late(): import service")
    suite.makeconftest(ON)
    result = run(suite, "-o", "isolane_clear_caches=service:nothing")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["isolane_clear_caches: service:nothing cannot be found: no attribute 'nothing'*"])
    assert "Traceback" not in result.stdout.str()


def test_every_fixture_is_listed_with_its_purpose(suite: pytest.Pytester) -> None:
    listed = run(suite, "--fixtures").stdout.str()
    names = ("isolated_environment", "settings_factory", "sqlite_memory", "sqlite_file", "cache_clearing")
    for name in names:
        assert f"{name} -- " in listed or f"{name} [" in listed
        assert "no docstring available" not in listed.partition(f"\n{name}")[2][:300]
