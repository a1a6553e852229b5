"""A client in the same process as the application: for tests, and to try things in a shell."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

from transit_eta.api import Application, Response

START = 1_700_000_000.0
"""A time to count from, in seconds since the Unix epoch."""


class Client:
    """Sends requests with one bearer key."""

    def __init__(self, application: Application, key: str) -> None:
        self._application = application
        self._authorization = {"Authorization": f"Bearer {key}"}

    def get(self, path: str) -> Response:
        """Send a GET request."""
        return self._application.handle("GET", path, self._authorization)

    def eta(self, segment: str) -> Response:
        """Ask how long a segment will take."""
        return self.get(f"/eta/{quote(segment, safe='')}")

    def set_timetable(self, segment: str, seconds: float) -> Response:
        """Say how long a segment takes by the timetable."""
        path = f"/timetable/{quote(segment, safe='')}"
        return self._application.handle("PUT", path, self._authorization, json.dumps({"seconds": seconds}))

    def observe(
        self,
        segment: str,
        seconds: float,
        *,
        device: str = "phone-1",
        confidence: float = 0.9,
        at: float = START,
        key: str | None = None,
    ) -> Response:
        """Report a bus on a segment, with an idempotency key of its own unless one is given."""
        values = {"segment": segment, "device": device, "seconds": seconds, "confidence": confidence}
        return self.post({**values, "at": at}, key=key or str(uuid.uuid4()))

    def post(self, values: dict[str, Any], *, key: str | None) -> Response:
        """Send an observation as it is; without an idempotency key if it is None."""
        headers = self._authorization if key is None else {**self._authorization, "Idempotency-Key": key}
        return self._application.handle("POST", "/observations", headers, json.dumps(values))
