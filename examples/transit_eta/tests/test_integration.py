"""The service as a rider's phone meets it: requests in, answers out."""

from __future__ import annotations

from pathlib import Path

import pytest
from transit_eta.api import Application
from transit_eta.client import START, Client
from transit_eta.config import Settings
from transit_eta.learning import SECONDS_A_DAY
from transit_eta.store import Store, connect


@pytest.fixture(autouse=True)
def _configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BMTC_API_KEY", "integration-key")
    monkeypatch.setenv("BMTC_N0", "20")


@pytest.fixture
def phone() -> Client:
    return Client(Application(), key="integration-key")


def test_new_service_has_no_observations(phone: Client) -> None:
    response = phone.get("/health")
    assert (response.status, response.body["observations"]) == (200, 0)


def test_configured_key_is_accepted(phone: Client) -> None:
    assert phone.get("/segments").status == 200


def test_any_other_key_is_refused() -> None:
    stranger = Client(Application(), key="guessed-key")
    assert stranger.get("/segments").status == 401
    keyless = Application(Settings(api_key=""))
    assert Client(keyless, key="").set_timetable("G4:1", 100.0).status == 401


def test_eta_is_the_timetable_before_anything_is_learned(phone: Client) -> None:
    phone.set_timetable("G4/depot:2", 100.0)
    assert phone.eta("G4/depot:2").body["seconds"] == 100.0


def test_segment_without_a_timetable_is_not_found(phone: Client) -> None:
    assert phone.eta("G4:3").status == 404
    assert phone.observe("G4:3", 100.0).status == 404


def test_observations_move_the_eta(phone: Client) -> None:
    phone.set_timetable("G4:4", 100.0)
    for day in range(20):
        phone.observe("G4:4", 140.0, at=START + day * SECONDS_A_DAY)
    assert phone.eta("G4:4").body["seconds"] == pytest.approx(120.0)


def test_malformed_observations_are_refused(phone: Client) -> None:
    phone.set_timetable("G4:5", 100.0)
    good = {"segment": "G4:5", "device": "phone-1", "seconds": 110.0, "confidence": 0.9, "at": START}
    bad: list[dict[str, object]] = [
        {"segment": ""},
        {"device": 7},
        {"seconds": -1.0},
        {"seconds": float("nan")},
        {"confidence": 1.5},
        {"at": "noon"},
    ]
    assert [phone.post({**good, **change}, key="malformed").status for change in bad] == [400] * len(bad)
    assert phone.post(good, key="malformed").status == 201


def test_what_was_learned_survives_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "transit.db")
    before = Store(connect(path))
    phone = Client(Application(store=before), key="integration-key")
    phone.set_timetable("G4:6", 100.0)
    phone.observe("G4:6", 140.0)
    eta = phone.eta("G4:6")
    before.close()
    after = Store(connect(path))
    assert Client(Application(store=after), key="integration-key").eta("G4:6") == eta
    assert eta.body["count"] == 1
    after.close()
