"""Every test has settings, a database, an environment and caches of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from isolane.pytest_plugin.fixtures import IsolatedEnvironment, SettingsFactory
from transit_eta.api import Application
from transit_eta.client import Client
from transit_eta.config import Settings
from transit_eta.store import Store, connect

pytest_plugins = ["isolane.pytest_plugin.isolation"]


@pytest.fixture(autouse=True)
def _own_environment(isolated_environment: IsolatedEnvironment) -> None:
    """Keep the BMTC_ variables of whoever runs the tests out of them (``isolane_clear_environment``)."""


@pytest.fixture
def settings(settings_factory: SettingsFactory, sqlite_file: Path) -> Settings:
    """Return new settings with a key and a database file."""
    return settings_factory(Settings, api_key="test-key", db_path=str(sqlite_file))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Return a store on the settings' database."""
    store = Store(connect(settings.db_path))
    yield store
    store.close()


@pytest.fixture
def client(settings: Settings, store: Store) -> Client:
    """Return a client that has the key the service was configured with."""
    return Client(Application(settings, store), key=settings.api_key)
