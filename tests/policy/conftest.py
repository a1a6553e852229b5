"""A process for Lua that is warm for the tests that ask for it, and that none of them leaves more of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def _warm_process() -> Iterator[None]:
    pytest.importorskip("lupa.lua54")
    from isolane.policy.lua_runtime import LuaRuntime
    from isolane.policy.worker_pool import POOL

    for trusted in (False, True):
        with LuaRuntime(trusted=trusted) as runtime:
            runtime.execute("return 1")
    yield
    POOL.close()


@pytest.fixture
def processes(_warm_process: None) -> Iterator[None]:
    """Processes that a test starts end with it."""
    from isolane.policy.worker_pool import POOL

    with POOL.kept_as_it_is():
        yield
