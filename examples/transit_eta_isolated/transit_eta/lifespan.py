"""What the process makes once and keeps, put together from the settings; nothing else asks for it."""

from __future__ import annotations

import time
from functools import lru_cache

from transit_eta.api import Application
from transit_eta.config import get_settings
from transit_eta.store import Store, connect


@lru_cache(maxsize=1)
def startup_time() -> float:
    """Return when the service came up, in seconds since the Unix epoch."""
    return time.time()


@lru_cache(maxsize=1)
def application() -> Application:
    """Return the process's application: its settings are the environment's, its store is their database."""
    settings = get_settings()
    return Application(settings, Store(connect(settings.db_path)), startup_time())


def shutdown() -> None:
    """Close what the process has open and forget it; the next request starts afresh."""
    if application.cache_info().currsize:
        application().close()
    application.cache_clear()
    startup_time.cache_clear()
