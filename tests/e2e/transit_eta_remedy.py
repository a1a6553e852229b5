"""A pytest plugin for the unsafe example: takes one cause of its failures away, and leaves the two others.

REMEDY names the cause: settings, environment or rows.
"""

from __future__ import annotations

import os

import pytest

REMEDY = os.environ["REMEDY"]
ENVIRONMENT = dict(os.environ)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if REMEDY == "settings":
        from transit_eta.config import get_settings

        get_settings.cache_clear()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is not None and nextitem.path == item.path:
        return
    if REMEDY == "environment":
        os.environ.clear()
        os.environ.update(ENVIRONMENT)
    if REMEDY == "rows":
        from transit_eta.lifespan import get_store

        if get_store.cache_info().currsize:
            for table in ("responses", "observations", "learned", "timetable"):
                get_store()._connection.execute(f"DELETE FROM {table}")
