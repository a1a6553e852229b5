"""Fixtures that give a test something from outside its process that nobody else has meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isolane.resources.ports import PortLeases
    from isolane.resources.sqlite import DatabaseCopies, TemplateDatabases

_templates: pytest.StashKey[TemplateDatabases] = pytest.StashKey()


@pytest.fixture
def port_leases() -> Iterator[PortLeases]:
    """Leases of ports: ``port_leases.lease()`` is one more port that nobody else on the machine is given."""
    from isolane.resources.ports import PortLeases

    leases = PortLeases()
    yield leases
    leases.release_all()


@pytest.fixture
def leased_port(port_leases: PortLeases) -> int:
    """A port that is free, and that nobody else on the machine is given until the test ends."""
    return port_leases.lease()


@pytest.fixture
def unique_name(request: pytest.FixtureRequest) -> Callable[..., str]:
    """Make names: ``unique_name("orders")`` is the worker's name and 128 random bits behind the prefix.

    ``max_length=63`` and ``alphabet="abc…"`` make them fit where they are to be used.
    """
    from isolane.resources.names import unique_name

    workerinput = getattr(request.config, "workerinput", None) or {}
    return partial(unique_name, worker=workerinput.get("workerid", "main"))


@pytest.fixture
def sqlite_copy(
    request: pytest.FixtureRequest, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseCopies]:
    """Make copies of a template database: ``sqlite_copy("CREATE TABLE …")`` is the path of a new file.

    It takes a script, a function that fills an open connection, or the path of a database. What a script or function
    fills is made once a worker. The copies are removed after the test.
    """
    from isolane.resources.sqlite import DatabaseCopies, TemplateDatabases

    stash = request.config.stash
    if _templates not in stash:
        stash[_templates] = TemplateDatabases(lambda: tmp_path_factory.mktemp("isolane-sqlite"))
    with DatabaseCopies(tmp_path, stash[_templates]) as copies:
        yield copies
