"""The run of ``isolane map``: writes down what each test touches outside its process.

Loaded in that run only: an audit hook is asked at each file that is opened, and cannot be taken away again.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from isolane.model.plan import TOUCHES_NAME, Handover
from isolane.model.touch import Sort, Touch
from isolane.planning.needs import Needs
from isolane.process_state.file_journal import NAME_MAKERS
from isolane.process_state.origins import is_library_file
from isolane.pytest_plugin.needs import needs_of_items
from isolane.pytest_plugin.state.auditing import touches_of

_NOBODYS = ("__pycache__", ".pytest_cache", ".isolane", ".hypothesis")
_DEVICES = ("/dev/", "/proc/", "/sys/")


class Toucher:
    """Keeps what is touched, by test and by fixture of wider scope."""

    def __init__(self, config: pytest.Config, directory: Path) -> None:
        self._config = config
        self._lines = (directory / TOUCHES_NAME).open("w", encoding="utf-8", buffering=1)
        self._project = os.path.join(os.path.realpath(config.invocation_params.dir), "")  # noqa: PTH118
        self._nobodys = [os.path.join(os.path.realpath(directory), "")]  # noqa: PTH118
        self._made: set[str] = set()
        self._of_imports: set[Touch] = set()
        self._heard = self._of_imports
        self._of_fixtures: dict[tuple[str, str], set[Touch]] = {}
        self._needs: dict[int, Needs] = {}
        self._positions: dict[pytest.Item, int] = {}
        self._active = True
        self._busy = threading.local()
        self._process = os.getpid()

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event; never raises."""
        if not self._active or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            if event in NAME_MAKERS:
                self._made.add(os.path.realpath(os.fsdecode(arguments[0])))
            else:
                for touch in touches_of(event, arguments):
                    self._take(touch)
        except Exception:  # noqa: BLE001, S110  # an error here would be the error of whoever opens a file
            pass
        finally:
            self._busy.now = False

    def _take(self, touch: Touch) -> None:
        if touch.sort in (Sort.FILE, Sort.DATABASE):
            path = touch.name
            if not self._is_of_interest(path) or (not touch.writes and is_library_file(path)):
                return
            if path.startswith(self._project):
                touch = Touch(touch.sort, path[len(self._project) :], touch.writes)
        self._heard.add(touch)

    def _is_of_interest(self, path: str) -> bool:
        if path.startswith((*_DEVICES, *self._nobodys)) or path.endswith((".pyc", "-journal", "-wal", "-shm")):
            return False
        parents = [path, *map(str, Path(path).parents)]
        if any(Path(one).name in _NOBODYS or Path(one).name.startswith(".coverage") for one in parents):
            return False
        return not any(one in self._made for one in parents)

    # -- pytest's moments

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What is touched from now on is not touched by imports."""
        factory: Any = getattr(self._config, "_tmp_path_factory", None)
        self._heard = set()
        if factory is not None:
            self._nobodys.append(os.path.join(os.path.realpath(factory.getbasetemp()), ""))  # noqa: PTH118
        self._needs = needs_of_items(session.items)
        self._positions = {item: position for position, item in enumerate(session.items)}
        self._write({"at_import": self._plain(self._of_imports)})

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Write what a test has touched, and which fixtures it has used."""
        mine: set[Touch] = set()
        self._heard = mine
        try:
            return (yield)
        finally:
            self._heard = set()
            needs = self._needs.get(self._positions.get(item, -1))
            self._write(
                {
                    "test": item.nodeid,
                    "touches": self._plain(mine),
                    "fixtures": self._fixtures_of(item),
                    "resources": sorted(needs.resources) if needs else [],
                    "alone": bool(needs and needs.alone),
                }
            )

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Let a fixture of wider scope have what it touches: each test that uses it does."""
        if request.scope == "function":
            return (yield)
        outer = self._heard
        self._heard = self._of_fixtures.setdefault((fixturedef.baseid, fixturedef.argname), set())
        try:
            return (yield)
        finally:
            self._heard = outer

    def pytest_unconfigure(self) -> None:
        """Write what fixtures have touched."""
        self._active = False
        for (place, name), touches in self._of_fixtures.items():
            if touches:
                self._write({"fixture": [place, name], "touches": self._plain(touches)})
        self._lines.close()

    def _fixtures_of(self, item: pytest.Item) -> list[list[str]]:
        info: Any = getattr(item, "_fixtureinfo", None)
        used = info.name2fixturedefs if info else {}
        return [[one.baseid, one.argname] for definitions in used.values() for one in definitions]

    def _plain(self, touches: Iterable[Touch]) -> list[list[Any]]:
        return [[one.sort.value, one.name, one.writes] for one in sorted(set(touches))]

    def _write(self, line: dict[str, Any]) -> None:
        if os.getpid() == self._process:
            self._lines.write(f"{json.dumps(line)}\n")


def start_mapping(config: pytest.Config, handover: Handover) -> None:
    """Listen, before any conftest is imported."""
    tempfile.gettempdir()  # The first call tries where it may write.
    toucher = Toucher(config, Path(handover.run_directory))
    config.pluginmanager.register(toucher, "isolane-map")
    sys.addaudithook(toucher.hear)
