"""The maths."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Callable

import pytest
from transit_eta.client import START
from transit_eta.config import Settings
from transit_eta.learning import (
    DEVIATION_FLOOR_SECONDS,
    LOW_CONFIDENCE,
    MINIMUM_HISTORY,
    OUTLIER,
    SECONDS_A_DAY,
    Learned,
    Observation,
    add,
    estimate,
    half_life_weight,
    learn,
    shrinkage,
)
from transit_eta.store import Store


@pytest.fixture
def settings(settings_factory: Callable[..., Settings]) -> Settings:
    return settings_factory(Settings)


def observation(seconds: float, *, confidence: float = 0.9, days: float = 0.0) -> Observation:
    return Observation("201R:1", "phone-1", seconds, confidence, START + days * SECONDS_A_DAY)


def learned_from(settings: Settings, *seconds: float, days_apart: float = 0.0) -> Learned:
    learned = Learned()
    for number, value in enumerate(seconds):
        learned, rejected = learn(learned, observation(value, days=number * days_apart), settings)
        assert rejected is None
    return learned


def test_settings_that_nobody_set_have_their_documented_values(settings: Settings) -> None:
    assert (settings.n0, settings.half_life_days, settings.outlier_sigma) == (20.0, 30.0, 3.0)
    assert (settings.mapmatch_min_conf, settings.db_path) == (0.7, ":memory:")


def test_mean_and_variance_keep_their_figures_far_from_zero() -> None:
    seconds = [1e9 + value for value in (4.0, 7.0, 13.0, 16.0)]
    learned = Learned()
    for value in seconds:
        learned = add(learned, value, START, half_life_days=30.0)
    assert learned.mean == pytest.approx(statistics.fmean(seconds), abs=1e-6)
    assert learned.variance == pytest.approx(30.0, rel=1e-6)


def test_weight_is_a_half_after_one_half_life() -> None:
    weights = [half_life_weight(days, half_life_days=30.0) for days in (-1.0, 0.0, 30.0, 60.0)]
    assert weights == pytest.approx([0.0, 0.0, 0.5, 0.75])


def test_recent_mean_forgets_by_half_lives(settings: Settings) -> None:
    one_day, four_half_lives = (
        learned_from(settings, 100.0, 100.0, 100.0, 132.0, days_apart=days) for days in (0.0, 120.0)
    )
    assert one_day.recent == pytest.approx(108.0)
    assert four_half_lives.recent == pytest.approx(130.0)
    assert one_day.mean == four_half_lives.mean == pytest.approx(108.0)


def test_timetable_and_history_count_alike_at_n0_observations(
    settings: Settings, settings_factory: Callable[..., Settings]
) -> None:
    learned = learned_from(settings, *[140.0] * 20)
    assert shrinkage(learned.count, settings.n0) == pytest.approx(0.5)
    assert estimate(learned, 100.0, settings) == pytest.approx(120.0)
    assert estimate(Learned(count=20, mean=110.0, recent=150.0), 100.0, settings) == pytest.approx(125.0)
    assert estimate(Learned(), 100.0, settings_factory(Settings, n0=0.0)) == 100.0


def test_observation_that_was_hardly_matched_to_the_road_is_not_learned_from(settings: Settings) -> None:
    assert learn(Learned(), observation(110.0, confidence=0.69), settings) == (Learned(), LOW_CONFIDENCE)
    assert learn(Learned(), observation(110.0, confidence=0.7), settings)[0].count == 1


def test_outlier_is_further_away_than_outlier_sigma_deviations(settings_factory: Callable[..., Settings]) -> None:
    history = (80.0, 120.0) * (MINIMUM_HISTORY // 2)
    strict, lenient = (settings_factory(Settings, outlier_sigma=sigma) for sigma in (2.0, 3.0))
    learned = learned_from(strict, *history)
    between = observation(100.0 + 2.5 * learned.deviation)
    assert learn(learned, between, strict) == (learned, OUTLIER)
    assert learn(learned, between, lenient)[1] is None


def test_history_without_deviation_still_shows_an_outlier(settings: Settings) -> None:
    learned = learned_from(settings, *[100.0] * MINIMUM_HISTORY)
    assert learned.deviation == 0.0
    assert learn(learned, observation(100.0 + 3.1 * DEVIATION_FLOOR_SECONDS), settings)[1] == OUTLIER
    assert learn(learned, observation(100.0 - 3.1 * DEVIATION_FLOOR_SECONDS), settings)[1] == OUTLIER
    assert learn(learned, observation(100.0 + 2.9 * DEVIATION_FLOOR_SECONDS), settings)[1] is None


def test_what_was_learned_comes_back_from_the_store_as_it_was(
    settings: Settings, sqlite_memory: sqlite3.Connection
) -> None:
    store = Store(sqlite_memory)
    learned = learned_from(settings, 100.1, 117.3, 90.7, days_apart=1.3)
    store.set_timetable("201R:1", 100.0)
    store.set_learned("201R:1", learned)
    assert store.segment("201R:1") == (100.0, learned)
