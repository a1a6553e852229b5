"""Every test has settings, a database, an environment and caches of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from transit_eta.api import Application
from transit_eta.client import Client
from transit_eta.config import Settings
from transit_eta.store import Store, connect

pytest_plugins = ["isolane.pytest_plugin.isolation"]


@pytest.fixture
def settings(settings_factory: Callable[..., Settings], sqlite_file: Path) -> Settings:
    """Return new settings with a key and a database file."""
    return settings_factory(Settings, api_key="test-key", db_path=str(sqlite_file))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Return a store on the settings' database."""
    connection = connect(settings.db_path)
    connection.execute("PRAGMA synchronous = OFF")  # a test's database need not survive a power failure
    yield Store(connection)
    connection.close()


@pytest.fixture
def client(settings: Settings, store: Store) -> Client:
    """Return a client that has the key the service was configured with."""
    return Client(Application(settings, store), key=settings.api_key)
