"""The service's requests and answers. Any HTTP server can stand in front: it passes four things on.

GET /health · PUT /timetable/SEGMENT · POST /observations · GET /eta/SEGMENT · GET /segments
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from transit_eta.config import Settings, get_settings
from transit_eta.learning import SECONDS_A_DAY, Learned, Observation, estimate, learn, shrinkage
from transit_eta.lifespan import get_store, startup_time
from transit_eta.store import Store

_METHODS = {"health": "GET", "timetable": "PUT", "observations": "POST", "eta": "GET", "segments": "GET"}
_WITH_SEGMENT = {"timetable", "eta"}
_SHORTEST = 1.0  # seconds
_LATEST = 2.0**32  # in the year 2106


class Response(NamedTuple):
    """An HTTP status and a body to be written as JSON."""

    status: int
    body: dict[str, Any]


class RequestError(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Application:
    """The service, with the process's settings and on the process's store unless others are given."""

    def __init__(self, settings: Settings | None = None, store: Store | None = None) -> None:
        self._settings = settings or get_settings()
        self._store = store or get_store()
        self._started_at = startup_time()

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: str = "") -> Response:
        """Answer one request. Header names in any case; ``body`` is JSON text."""
        lowered = {name.lower(): value for name, value in headers.items()}
        try:
            return self._answer(method, path, lowered, body)
        except RequestError as refusal:
            return Response(refusal.status, {"error": str(refusal)})

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: str) -> Response:
        name, _, segment = path.removeprefix("/").partition("/")
        if name != "health":
            self._authorise(headers)
        segment = unquote(segment)
        if name not in _METHODS or bool(segment) != (name in _WITH_SEGMENT) or not segment.isprintable():
            raise RequestError(404, f"there is no {path}")
        if method != _METHODS[name]:
            raise RequestError(405, f"{path} takes {_METHODS[name]}")
        if name == "timetable":
            return self._put_timetable(segment, body)
        if name == "observations":
            return self._post_observation(headers, body)
        if name == "eta":
            return self._get_eta(segment)
        if name == "segments":
            return Response(200, {"segments": self._store.summaries()})
        count = self._store.observation_count()
        return Response(200, {"status": "ok", "started_at": self._started_at, "observations": count})

    def _authorise(self, headers: Mapping[str, str]) -> None:
        """Refuse all but ``Authorization: Bearer KEY``, compared in the same time whatever differs."""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given, expected = (text.encode(errors="surrogatepass") for text in (key, self._settings.api_key))
        if scheme.lower() != "bearer" or not expected or not hmac.compare_digest(given, expected):
            raise RequestError(401, "the bearer key is missing or wrong")

    def _put_timetable(self, segment: str, body: str) -> Response:
        seconds = _number(_fields(body), "seconds", least=_SHORTEST, most=SECONDS_A_DAY)
        with self._store.transaction():
            self._store.set_timetable(segment, seconds)
        return Response(200, {"segment": segment, "timetable_seconds": seconds})

    def _post_observation(self, headers: Mapping[str, str], body: str) -> Response:
        """Learn from an observation, once for each idempotency key.

        The look at the key, what is learned and the answer that is kept are one transaction. Only requests
        that were carried out keep their key: a refused one may be put right and sent again.
        """
        key = _text(headers, "idempotency-key")
        values = _fields(body)
        observation = _observation(values)
        request = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        with self._store.transaction():
            first = self._store.response(key)
            if first is not None:
                if first[0] != request:
                    raise RequestError(409, "this Idempotency-Key was used with another body")
                return Response(first[1], json.loads(first[2]))
            response = self._learn(observation)
            self._store.add_response(key, request, response.status, json.dumps(response.body))
        return response

    def _learn(self, observation: Observation) -> Response:
        _, learned = self._known(observation.segment)
        learned, rejected = learn(learned, observation, self._settings)
        self._store.add_observation(observation, rejected)
        if rejected is None:
            self._store.set_learned(observation.segment, learned)
        body = {"segment": observation.segment, "learned": rejected is None, "reason": rejected}
        return Response(201, {**body, "count": learned.count})

    def _get_eta(self, segment: str) -> Response:
        timetable_seconds, learned = self._known(segment)
        body = {
            "segment": segment,
            "seconds": estimate(learned, timetable_seconds, self._settings),
            "timetable_seconds": timetable_seconds,
            "weight": shrinkage(learned.count, self._settings.n0),
            "count": learned.count,
            "deviation_seconds": learned.deviation,
        }
        return Response(200, body)

    def _known(self, segment: str) -> tuple[float, Learned]:
        known = self._store.segment(segment)
        if known is None:
            raise RequestError(404, f"no timetable has the segment {segment!r}")
        return known


def _fields(body: str) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, "the body is not JSON") from None
    if not isinstance(values, dict):
        raise RequestError(400, "the body is not a JSON object")
    return values


def _observation(values: Mapping[str, Any]) -> Observation:
    return Observation(
        segment=_text(values, "segment"),
        device=_text(values, "device"),
        seconds=_number(values, "seconds", least=_SHORTEST, most=SECONDS_A_DAY),
        confidence=_number(values, "confidence", most=1.0),
        at=_number(values, "at", most=_LATEST),
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise RequestError(400, f"{name} is missing or not a printable text")
    return value


def _number(values: Mapping[str, Any], name: str, *, least: float = 0.0, most: float) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise RequestError(400, f"{name} must be a number from {least:g} to {most:.0f}")
    return float(value)
