"""Against a real server on loopback that has no room for more than it can take."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from isolane.pool import CallTotals, PoolConfig, PooledExecutor, RowContext, TransformResult, capacity_error


class Place(ThreadingHTTPServer):
    """Takes so many requests at a time and has trouble with every so-manieth: else 429 and 503."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, room: int, trouble_every: int) -> None:
        super().__init__(("127.0.0.1", 0), Desk)
        self.room = threading.BoundedSemaphore(room)
        self.trouble_every = trouble_every
        self.lock = threading.Lock()
        self.asked = 0
        self.answers: list[int] = []
        self.taken: list[Any] = []


class Desk(BaseHTTPRequestHandler):
    server: Place

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        place = self.server
        with place.lock:
            place.asked += 1
            trouble = place.asked % place.trouble_every == 0
        if trouble:
            self.answer(503, {"Retry-After": "0"})
        elif not place.room.acquire(blocking=False):
            self.answer(429, {"Retry-After": "0.001"})
        else:
            try:
                with place.lock:
                    place.taken.append(json.loads(body))
                self.answer(200, {})
            finally:
                place.room.release()

    def answer(self, code: int, headers: dict[str, str]) -> None:
        with self.server.lock:
            self.server.answers.append(code)
        self.send_response(code)
        for name, value in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(place: Place) -> Iterator[int]:
    thread = threading.Thread(target=place.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield place.server_address[1]
    finally:
        place.shutdown()
        place.server_close()
        thread.join()


@pytest.mark.req("CB1")
@pytest.mark.req("SL1")
def test_every_row_is_taken_once_by_a_server_that_says_not_now() -> None:
    place = Place(room=1, trouble_every=5)
    with serving(place) as port:

        def post(row: Any, state_id: str) -> TransformResult:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                connection.request("POST", "/", json.dumps(row))
                answer = connection.getresponse()
                answer.read()
            finally:
                connection.close()
            error = capacity_error(answer.status, dict(answer.getheaders()))
            if error is not None:
                raise error
            return TransformResult.success({"code": answer.status, "n": row["n"]})

        config = PoolConfig(pool_size=6, recovery_step_ms=1, max_dispatch_delay_ms=4)
        with PooledExecutor(config) as executor:
            contexts = [RowContext({"n": number}, f"run-{number}", number) for number in range(60)]
            results = executor.execute_batch(contexts, post)
            told = executor.get_stats()
            trail = executor.audit.records  # type: ignore[attr-defined]

    assert [result.row for result in results] == [{"code": 200, "n": number} for number in range(60)]
    assert sorted(row["n"] for row in place.taken) == list(range(60))
    assert told.calls.calls == len(place.answers) == len(trail)
    assert told.calls.capacity_errors == len(place.answers) - 60 == place.answers.count(503) + place.answers.count(429)
    assert place.answers.count(503) >= 12
    assert told.calls == CallTotals.of(trail)
    assert (told.pending_count, told.available_permits) == (0, 6)
