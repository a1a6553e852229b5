"""A Redis database that is a worker's own, and empty for each test; a key prefix where there are too few databases.

The server is a ``redis-server`` that all workers and runs share, or the one that ``ISOLANE_REDIS_URL`` names.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from isolane.model.errors import ServerMissingError, ServerUnavailableError, UsageError
from isolane.resources.drivers import import_driver, one_line

if TYPE_CHECKING:
    import redis

VARIABLE = "ISOLANE_REDIS_URL"
_INSTALL = "Install it: apt-get install redis-server (or name a server in ISOLANE_REDIS_URL)."
_DATABASES = 1024
_OURS = "isolane:databases"
"""A set, in the database of the URL: the numbers of those that isolane has used, and may empty."""


@contextmanager
def server(name: str = "redis") -> Iterator[str]:
    """Use the server; yield its URL. name: of the server; all who say the same one share it.

    Raises :class:`ServerMissingError` where neither a program nor a URL is there, :class:`ServerUnavailableError`
    where it does not start.
    """
    given = os.environ.get(VARIABLE)
    if given:
        if urlsplit(given).scheme not in ("redis", "rediss", "unix"):
            raise UsageError(
                "bad-redis-url", f"{VARIABLE} is not a URL that begins with redis://, rediss:// or unix://."
            )
        yield given
        return
    from isolane.resources.shared_server import Server, server_home, use

    program = shutil.which("redis-server")
    if program is None:
        raise ServerMissingError("no-redis", "There is no redis-server on the PATH.", _INSTALL)
    home = server_home(name)
    socket = home / "data" / "socket"
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "databases": str(_DATABASES),
        "save": "",
        "appendonly": "no",
        "dir": str(home / "data"),
        "daemonize": "no",
    }
    wanted = Server(
        name="redis",
        serve=[program, *(word for key, value in settings.items() for word in (f"--{key}", value))],
        ready="ready to accept connections",
        address=f"unix://{socket}",
    )
    with use(home, wanted) as url:
        yield url


@contextmanager
def worker(url: str) -> Iterator[RedisWorker]:
    """Lease a database of the server for a worker, or a key prefix where none is free.

    A database with anything in it that isolane did not put there is never leased. The lease holds between processes
    of one user on one machine. Raises :class:`ServerUnavailableError` if the server does not answer.
    """
    from isolane.resources.shared_server import lease_number, lease_place, place_name, server_home

    with _connected(url) as main:
        with lease_number(server_home("leases"), place_name("redis", url), _usable(main)) as number:
            if number is not None:
                main.sadd(_OURS, number)
                yield from _serving(RedisWorker(_with_database(url, number), ""))
                main.srem(_OURS, number)
                return
        with lease_place("redis-prefix", url) as number:
            yield from _serving(RedisWorker(url, f"isolane:w{number}:"))


class RedisWorker:
    """A worker's place on a server. prefix: what its keys begin with, empty where it has a whole database."""

    def __init__(self, url: str, prefix: str) -> None:
        self._url = url
        self._prefix = prefix
        self._client = _driver().Redis.from_url(url)

    @contextmanager
    def test(self) -> Iterator[RedisDatabase]:
        """Lend it, empty, to one test, and empty it afterwards."""
        database = RedisDatabase(self._url, self._prefix)
        try:
            yield database
        finally:
            database.client.close()
            self.wipe()

    def wipe(self) -> None:
        """Remove everything in the database, or all keys with the prefix."""
        if not self._prefix:
            self._client.flushdb()
            return
        # The prefix has no character that a pattern treats in a special way.
        for keys in _in_parts(self._client.scan_iter(match=f"{self._prefix}*", count=1000), 1000):
            self._client.unlink(*keys)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class RedisDatabase:
    """What a test has of Redis. url: of its database. prefix: what its keys have to begin with, mostly empty."""

    def __init__(self, url: str, prefix: str) -> None:
        self.url = url
        self.prefix = prefix
        self.client: redis.Redis = _driver().Redis.from_url(url)

    def key(self, name: str) -> str:
        """Return the name with the prefix: of keys, and of channels, which all databases of a server share."""
        return self.prefix + name


def _connected(url: str) -> Any:
    driver = _driver()
    client = driver.Redis.from_url(url)
    try:
        client.ping()
    except (driver.RedisError, OSError) as error:
        raise ServerUnavailableError("no-redis-answer", f"Redis does not answer: {one_line(error)}") from None
    return client


def _serving(served: RedisWorker) -> Iterator[RedisWorker]:
    served.wipe()  # What a worker left that was killed.
    try:
        yield served
        served.wipe()
    finally:
        served.close()


def _usable(main: Any) -> list[int]:
    """Return the numbers of the databases that are empty, or were isolane's before; never that of the URL."""
    driver = _driver()
    try:
        count = int(main.config_get("databases")["databases"])
    except (driver.ResponseError, KeyError):
        return []  # It does not say, as some hosted ones; then it may have one only.
    own = int(main.connection_pool.connection_kwargs.get("db") or 0)
    filled = {int(name[2:]) for name in (_text(name) for name in main.info("keyspace")) if name[2:].isdigit()}
    ours = {int(number) for number in main.smembers(_OURS)}
    return [number for number in range(count) if number != own and (number not in filled or number in ours)]


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name


def _with_database(url: str, number: int) -> str:
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "db"]
    path = parts.path if parts.scheme == "unix" else ""
    # Not urlunsplit: where there is no host it leaves out the slashes, which redis wants.
    return f"{parts.scheme}://{parts.netloc}{path}?{urlencode([*query, ('db', str(number))])}"


def _in_parts(keys: Iterator[Any], size: int) -> Iterator[list[Any]]:
    part: list[Any] = []
    for key in keys:
        part.append(key)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _driver() -> Any:
    return import_driver("redis", slug="no-redis-driver", extra="redis")
