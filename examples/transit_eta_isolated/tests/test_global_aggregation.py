"""What is learned is learned from all devices together."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest
from transit_eta.client import Client
from transit_eta.config import Settings
from transit_eta.learning import DEVIATION_FLOOR_SECONDS, MINIMUM_HISTORY


@pytest.fixture
def settings(settings_factory: Callable[..., Settings], sqlite_file: Path) -> Settings:
    """With a timetable worth only four observations, a few devices are enough to see an effect."""
    return settings_factory(Settings, api_key="aggregation-key", db_path=str(sqlite_file), n0=4.0)


def summary(client: Client, segment: str) -> dict[str, float]:
    return next(row for row in client.get("/segments").body["segments"] if row["segment"] == segment)


def test_observations_of_all_devices_are_counted_together(client: Client) -> None:
    client.set_timetable("500D:1", 100.0)
    for device in ("phone-1", "phone-2", "phone-3", "phone-1"):
        client.observe("500D:1", 110.0, device=device)
    assert (summary(client, "500D:1")["count"], summary(client, "500D:1")["devices"]) == (4, 3)


def test_mean_is_over_all_devices(client: Client) -> None:
    client.set_timetable("500D:2", 100.0)
    for device, seconds in (("phone-1", 90.0), ("phone-2", 120.0), ("phone-3", 150.0)):
        client.observe("500D:2", seconds, device=device)
    assert summary(client, "500D:2")["mean_seconds"] == pytest.approx(120.0)


def test_deviation_is_over_all_devices(client: Client) -> None:
    seconds = [90.0, 95.0, 120.0, 131.0]
    client.set_timetable("500D:3", 100.0)
    for number, value in enumerate(seconds):
        client.observe("500D:3", value, device=f"phone-{number}")
    assert summary(client, "500D:3")["deviation_seconds"] == pytest.approx(statistics.stdev(seconds))


def test_one_eta_for_everybody(client: Client) -> None:
    client.set_timetable("500D:4", 100.0)
    for number in range(4):
        client.observe("500D:4", 140.0, device=f"phone-{number}")
    assert client.eta("500D:4").body["seconds"] == pytest.approx(120.0)


def test_order_of_the_devices_does_not_matter(client: Client) -> None:
    for segment, seconds in (("500D:5", (80.0, 100.0, 150.0)), ("500D:6", (150.0, 80.0, 100.0))):
        client.set_timetable(segment, 100.0)
        for number, value in enumerate(seconds):
            client.observe(segment, value, device=f"phone-{number}")
    assert client.eta("500D:5").body["seconds"] == pytest.approx(client.eta("500D:6").body["seconds"])


def test_segments_are_learned_apart(client: Client) -> None:
    client.set_timetable("500D:7", 100.0)
    client.set_timetable("500D:8", 100.0)
    client.observe("500D:7", 150.0)
    assert summary(client, "500D:7")["count"] == 1
    assert summary(client, "500D:8")["count"] == 0


def test_retry_of_a_device_counts_once(client: Client) -> None:
    client.set_timetable("500D:9", 100.0)
    client.observe("500D:9", 110.0, device="phone-1", key="key-1")
    client.observe("500D:9", 110.0, device="phone-1", key="key-1")
    client.observe("500D:9", 120.0, device="phone-2", key="key-2")
    assert summary(client, "500D:9")["count"] == 2


def test_device_that_was_hardly_matched_to_the_road_is_left_out(client: Client) -> None:
    client.set_timetable("500D:10", 100.0)
    client.observe("500D:10", 110.0, device="phone-1")
    client.observe("500D:10", 900.0, device="phone-2", confidence=0.2)
    row = summary(client, "500D:10")
    assert (row["count"], row["devices"], row["rejected"]) == (1, 1, 1)


def test_outlier_of_one_device_is_rejected_by_the_history_of_the_others(client: Client) -> None:
    client.set_timetable("500D:11", 100.0)
    for number in range(MINIMUM_HISTORY):
        client.observe("500D:11", 100.0, device=f"phone-{number}")
    far = client.observe("500D:11", 100.0 + 4 * DEVIATION_FLOOR_SECONDS, device="phone-99")
    assert far.body["reason"] == "outlier"
    assert summary(client, "500D:11")["mean_seconds"] == pytest.approx(100.0)


def test_nothing_is_an_outlier_before_there_is_a_history(client: Client) -> None:
    client.set_timetable("500D:12", 100.0)
    for number in range(MINIMUM_HISTORY - 1):
        client.observe("500D:12", 100.0, device=f"phone-{number}")
    assert client.observe("500D:12", 500.0, device="phone-99").body["learned"] is True
