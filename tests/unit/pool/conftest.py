"""After each test no thread of a pool is left."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    yield
    for one in threading.enumerate():
        if one.name == "isolane-pool-end":  # gives up a forgotten stream or pool, and ends by itself when it has
            one.join(20)
    assert [one.name for one in threading.enumerate() if one.name.startswith("isolane-pool")] == []
