"""Fixtures that give a test a piece of the process as if it were its own, and put it back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isolane.process_state.locale_time import IsolatedLocale, IsolatedTimeZone
    from isolane.process_state.seeding import SeededRandom

_seeded: pytest.StashKey[SeededRandom] = pytest.StashKey()
_RESUMPTION = "isolane-random"


class _Resumption:
    """Undoes what pytest-randomly does between a test's setup and its body: it seeds once more.

    Registered when the first test asks for isolated_random: the other suites do not pay for it.
    """

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """Remember how far the setup has come."""
        if _seeded in item.stash:
            item.stash[_seeded].keep()

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        """Go on from there."""
        if _seeded in pyfuncitem.stash:
            pyfuncitem.stash[_seeded].resume()


@pytest.fixture
def isolated_directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A new, empty directory under tmp_path, which is the working directory until the test ends."""
    import os

    from isolane.process_state.base import RestoreError
    from isolane.process_state.cwd import WorkingDirectoryKind

    kind = WorkingDirectoryKind()
    before = kind.snapshot()
    directory = tmp_path / "isolated_directory"
    directory.mkdir()
    os.chdir(directory)
    yield directory
    try:
        kind.restore(before)
    except RestoreError as error:
        request.node.warn(pytest.PytestWarning(f"isolane: {error}"))


@pytest.fixture
def isolated_random(request: pytest.FixtureRequest) -> Iterator[int]:
    """Seed random, and numpy.random if numpy is imported, by the test's node id; the value is the seed."""
    from isolane.process_state.seeding import SeededRandom, seed_of

    plugins = request.config.pluginmanager
    if not plugins.has_plugin(_RESUMPTION):
        plugins.register(_Resumption(), _RESUMPTION)
    seeded = request.node.stash[_seeded] = SeededRandom(seed_of(request.node.nodeid))
    yield seeded.seed
    del request.node.stash[_seeded]
    seeded.restore()


@pytest.fixture
def isolated_time_zone() -> Iterator[IsolatedTimeZone]:
    """The test is in UTC; ``isolated_time_zone("Asia/Kolkata")`` moves it. It goes back at the end."""
    from isolane.process_state.locale_time import IsolatedTimeZone

    zone = IsolatedTimeZone()
    yield zone
    zone.restore()


@pytest.fixture
def isolated_locale() -> Iterator[IsolatedLocale]:
    """The test has the locale C; ``isolated_locale("de_DE.UTF-8")`` sets another. It goes back at the end."""
    from isolane.process_state.locale_time import IsolatedLocale

    locale = IsolatedLocale()
    yield locale
    locale.restore()


@pytest.fixture
def isolated_logging() -> Iterator[None]:
    """Loggers, and the module's settings, are put back after the test, and handlers that it attached are closed."""
    from isolane.process_state.logging_state import isolated_logging

    with isolated_logging():
        yield
