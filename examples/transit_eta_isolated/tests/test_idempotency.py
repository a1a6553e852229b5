"""A request that is sent again is not carried out again."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import suppress

import pytest
from transit_eta.api import Application, Response
from transit_eta.client import START, Client
from transit_eta.config import Settings
from transit_eta.store import Store, connect


def test_replay_returns_the_first_response(client: Client) -> None:
    client.set_timetable("335E:1", 100.0)
    first = client.observe("335E:1", 110.0, key="key-1")
    client.observe("335E:1", 120.0, key="key-1b")
    assert first.status == 201
    assert client.observe("335E:1", 110.0, key="key-1") == first


def test_same_key_with_another_body_is_a_conflict(client: Client) -> None:
    client.set_timetable("335E:2", 100.0)
    assert client.observe("335E:2", 110.0, key="key-2").status == 201
    assert client.observe("335E:2", 111.0, key="key-2").status == 409
    assert client.eta("335E:2").body["count"] == 1


def test_replay_is_not_learned_from_twice(client: Client) -> None:
    client.set_timetable("500D:1", 100.0)
    for _ in range(3):
        client.observe("500D:1", 110.0, key="one-ride")
    assert client.eta("500D:1").body["count"] == 1


def test_request_without_a_key_is_refused(client: Client) -> None:
    client.set_timetable("335E:4", 100.0)
    body = {"segment": "335E:4", "device": "phone-1", "seconds": 110.0, "confidence": 0.9, "at": START}
    assert client.post(body, key=None).status == 400
    assert client.eta("335E:4").body["count"] == 0


def test_two_connections_with_one_key_learn_once(settings: Settings) -> None:
    setup = Store(connect(settings.db_path))
    Client(Application(settings, setup), settings.api_key).set_timetable("335E:5", 100.0)
    meeting = threading.Barrier(2)
    responses: list[Response] = []

    class MeetingStore(Store):
        """After its look at the key it waits for the other's: which must not come before the answer is kept."""

        def response(self, key: str) -> tuple[str, int, str] | None:
            found = super().response(key)
            with suppress(threading.BrokenBarrierError):
                meeting.wait(timeout=0.2)
            return found

    def retry() -> None:
        store = MeetingStore(connect(settings.db_path))
        responses.append(Client(Application(settings, store), settings.api_key).observe("335E:5", 110.0, key="key-5"))
        store.close()

    threads = [threading.Thread(target=retry) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [response.status for response in responses] == [201, 201]
    assert responses[0] == responses[1]
    assert Client(Application(settings, setup), settings.api_key).eta("335E:5").body["count"] == 1
    setup.close()


def test_nothing_is_kept_when_the_response_cannot_be_kept(settings: Settings) -> None:
    connection = connect(settings.db_path)
    client = Client(Application(settings, Store(connection)), key=settings.api_key)
    client.set_timetable("335E:6", 100.0)
    connection.execute("CREATE TRIGGER full BEFORE INSERT ON responses BEGIN SELECT RAISE(ABORT, 'no space left'); END")
    with pytest.raises(sqlite3.IntegrityError, match="no space left"):
        client.observe("335E:6", 110.0, key="key-6")
    connection.execute("DROP TRIGGER full")
    assert client.eta("335E:6").body["count"] == 0
    assert client.observe("335E:6", 110.0, key="key-6").body["count"] == 1
    connection.close()
