"""A pooled executor that a test has to itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from isolane.pool import PooledExecutor


@pytest.fixture
def executor(request: pytest.FixtureRequest) -> Iterator[PooledExecutor]:
    """A pooled executor with two permits, shut down after the test: its threads have ended by then.

    ``@pytest.mark.parametrize("executor", [PoolConfig(pool_size=4)], indirect=True)`` configures it; a dictionary of
    settings does so, too. Rows that are still pending are given up.
    """
    from isolane.pool import PoolConfig, PooledExecutor

    config = getattr(request, "param", None) or PoolConfig(pool_size=2)
    made = PooledExecutor(config if isinstance(config, PoolConfig) else PoolConfig.from_mapping(config))
    yield made
    made.shutdown(wait=False)
    made.shutdown(wait=True)
