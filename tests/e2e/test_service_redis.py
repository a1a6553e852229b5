"""Redis, the real one: a database a worker that is empty for each test, a key prefix where there are too few."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis
from service_suites import REDIS
from throwaway_project import Project

from isolane.model.errors import ServerMissingError, ServerUnavailableError, UsageError
from isolane.resources.redis import RedisWorker, server, worker

pytestmark = pytest.mark.server


@pytest.fixture
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    request.getfixturevalue("_isolane_redis_worker")  # Skips, or fails, where there is no server.
    with server() as url:
        yield url


@pytest.fixture
def small_server(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with three databases that is somebody else's."""
    short = tmp_path_factory.mktemp("r")  # Sockets take no long paths.
    words = ["redis-server", "--port", "0", "--unixsocket", "small", "--databases", "3", "--save", ""]
    with subprocess.Popen(words, cwd=short, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert any("eady to accept connections" in line for line in process.stdout)
            yield f"unix://{short}/small"
        finally:
            process.terminate()
            process.communicate()


def test_a_test_finds_it_empty_and_leaves_it_empty(url: str) -> None:
    with worker(url) as mine:
        for _ in range(2):
            with mine.test() as database:
                assert database.client.dbsize() == 0
                assert database.prefix == ""
                database.client.set(database.key("stop"), "7")
                with redis.Redis.from_url(database.url) as other:
                    assert other.get("stop") == b"7"


def test_workers_have_databases_of_their_own(url: str) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(url)) for _ in range(5)]
        databases = [stack.enter_context(one.test()) for one in workers]
        for number, database in enumerate(databases):
            database.client.set("stop", number)
        assert [int(database.client.get("stop")) for database in databases] == [0, 1, 2, 3, 4]
        assert len({database.url for database in databases}) == 5


def test_what_a_killed_worker_left_is_gone(url: str) -> None:
    with worker(url) as mine, mine.test() as database:
        left = database.url
    # As if it had been killed before it could empty its database.
    with redis.Redis.from_url(url) as main, redis.Redis.from_url(left) as client:
        main.sadd("isolane:databases", client.connection_pool.connection_kwargs["db"])
        client.set("left", 1)
    with ExitStack() as stack:
        found = None
        while found is None or found.url != left:
            found = stack.enter_context(stack.enter_context(worker(url)).test())
            assert found.client.dbsize() == 0
            assert found.prefix == ""


def test_databases_with_somebodys_data_are_not_touched_and_prefixes_take_over(small_server: str) -> None:
    with redis.Redis.from_url(small_server) as main, redis.Redis.from_url(f"{small_server}?db=1") as theirs:
        main.set("theirs", 0)
        theirs.set("theirs", 1)
        with ExitStack() as stack:
            tests = [stack.enter_context(stack.enter_context(worker(small_server)).test()) for _ in range(3)]
            assert [bool(one.prefix) for one in tests] == [False, True, True]
            assert tests[0].url.endswith("db=2")
            for number, one in enumerate(tests):
                for key in range(1500):
                    one.client.set(one.key(f"key-{key}"), number)
            for number, one in enumerate(tests):
                assert one.client.get(one.key("key-7")) == str(number).encode()
            assert main.dbsize() == 3002
        assert sorted(main.keys()) == [b"theirs"]
        assert theirs.get("theirs") == b"1"


def test_the_lease_is_of_one_worker_at_a_time_and_free_afterwards(small_server: str) -> None:
    def leased() -> RedisWorker:
        return stack.enter_context(worker(small_server))

    with ExitStack() as stack:
        prefixes = [stack.enter_context(leased().test()).prefix for _ in range(4)]
    assert prefixes[:2] == ["", ""]
    assert len(set(prefixes[2:])) == 2
    assert all(prefixes[2:])
    with ExitStack() as stack:
        assert stack.enter_context(leased().test()).prefix == ""


def test_what_is_missing_or_wrong_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ISOLANE_REDIS_URL", "http://localhost")
    with pytest.raises(UsageError, match="is not a URL that begins with redis://"), server():
        pass
    monkeypatch.setenv("ISOLANE_REDIS_URL", f"unix://{tmp_path}/nothing")
    with server() as url, pytest.raises(ServerUnavailableError, match="Redis does not answer"), worker(url):
        pass
    monkeypatch.delenv("ISOLANE_REDIS_URL")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerMissingError, match="apt-get install redis-server"), server():
        pass


def test_a_server_that_is_named_is_used_and_left_as_it_was(project: Project, small_server: str) -> None:
    project.write(REDIS)
    with redis.Redis.from_url(small_server) as main, redis.Redis.from_url(f"{small_server}?db=2") as theirs:
        theirs.set("theirs", 1)
        ended = project.pytest("-n", "3", "--dist", "load", ISOLANE_REDIS_URL=small_server)
        assert "1 failed, 19 passed" in ended.out, ended.text
        assert theirs.keys() == [b"theirs"]
        assert main.keys() == []
