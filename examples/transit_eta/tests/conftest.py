from __future__ import annotations

import pytest
from transit_eta.api import Application
from transit_eta.client import Client
from transit_eta.config import get_settings


@pytest.fixture
def client() -> Client:
    """Return a client that has the key the service was configured with."""
    return Client(Application(), key=get_settings().api_key)
