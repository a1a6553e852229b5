"""A pytest plugin for the isolated example: writes down what is to be seen around each test, one JSON line each.

The lines go to the file named by PROBE; a worker's last line says which caches are filled at its end.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

before: dict[str, Any] = {}
settings_seen: list[object] = []  # kept alive, so that no new one can be where an old one was


def filled_caches() -> list[str]:
    from transit_eta import config, lifespan

    caches = {"settings": config.get_settings, "application": lifespan.application, "start": lifespan.startup_time}
    return [name for name, function in caches.items() if function.cache_info().currsize]


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("BMTC_")}


def count_rows(connection: sqlite3.Connection) -> int:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return sum(connection.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for (name,) in tables)


def rows(item: pytest.Function) -> int:
    """Return how many rows the test's database has, 0 if it has none."""
    if "sqlite_memory" in item.funcargs:
        return count_rows(item.funcargs["sqlite_memory"])
    path = item.funcargs.get("sqlite_file")
    if path is None or not path.exists():
        return 0
    connection = sqlite3.connect(path)
    try:
        return count_rows(connection)
    finally:
        connection.close()


def write(line: dict[str, Any]) -> None:
    with Path(os.environ["PROBE"]).open("a") as file:
        file.write(json.dumps(line) + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    before.update(caches_before=filled_caches(), environment_before=environment())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Generator[None, Any, Any]:
    settings = item.funcargs.get("settings")
    values = ("n0", "half_life_days", "outlier_sigma", "mapmatch_min_conf")
    line = {
        **before,
        "module": item.path.stem,
        "worker": os.environ.get("PYTEST_XDIST_WORKER"),
        "environment": environment(),
        "file": str(item.funcargs.get("sqlite_file", "")),
        "memory": "sqlite_memory" in item.funcargs,
        "rows_before": rows(item),
        "settings": None if settings is None else [getattr(settings, name) for name in values],
        "settings_were_seen": any(settings is other for other in settings_seen),
    }
    settings_seen.extend([] if settings is None else [settings])
    try:
        return (yield)
    finally:
        write({**line, "caches_after": filled_caches(), "rows_after": rows(item)})


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        write({"caches_at_the_end": filled_caches()})
