"""What the process makes once and keeps: its store and its start time."""

from __future__ import annotations

import time
from functools import lru_cache

from transit_eta.config import get_settings
from transit_eta.store import Store, connect


@lru_cache(maxsize=1)
def get_store() -> Store:
    """Return the process's store."""
    return Store(connect(get_settings().db_path))


@lru_cache(maxsize=1)
def startup_time() -> float:
    """Return when the service came up, in seconds since the Unix epoch."""
    return time.time()
