"""Leaks into the project's own modules, classes, functions and caches."""

from __future__ import annotations

import pytest
from shop import fares

leaves = pytest.mark.leaves
SEEN: list[str] = []


@leaves("module_globals", "shop.fares.RATE")
def test_rebinds_a_global():
    fares.RATE = 3  # leaks


def test_rebinds_a_global_victim():
    assert fares.fare(1) == 2


@leaves("module_globals", "shop.fares.planted")
def test_adds_a_global():
    fares.planted = 1  # leaks


def test_adds_a_global_victim():
    assert not hasattr(fares, "planted")


@leaves("module_globals", "shop.fares.fare")
def test_replaces_a_function():
    fares.fare = lambda stops, factor=1: 0  # leaks


def test_replaces_a_function_victim():
    assert fares.fare(1) == 2


@leaves("module_globals", "shop.fares.PRICES*")
def test_dictionary():
    fares.PRICES["day"] = 6  # leaks


def test_dictionary_victim():
    assert fares.PRICES == {"single": 2, "day": 5}


@leaves("module_globals", "shop.fares.STOPS*")
def test_list():
    fares.STOPS.append("planted")  # leaks


def test_list_victim():
    assert fares.STOPS == ["harbour", "market"]


@leaves("module_globals", "shop.fares.CLOSED*")
def test_set():
    fares.CLOSED.add("planted")  # leaks


def test_set_victim():
    assert not fares.CLOSED


@leaves("module_globals", "shop.fares.PER_ZONE*")
def test_list_in_a_dictionary():
    fares.PER_ZONE["inner"].reverse()  # leaks


def test_list_in_a_dictionary_victim():
    assert fares.PER_ZONE == {"inner": [1, 2]}


@leaves("module_globals", "shop.fares.SETTINGS*")
def test_object():
    fares.SETTINGS.currency = "SEK"  # leaks


def test_object_victim():
    assert fares.SETTINGS.currency == "EUR"


@leaves("module_globals", "shop.fares._settings*")
def test_singleton():
    fares.settings().currency = "NOK"


def test_singleton_victim():
    assert fares._settings is None


@leaves("module_globals", "test_project.SEEN*")
def test_list_of_the_tests_own_module():
    SEEN.append("planted")  # leaks


def test_list_of_the_tests_own_module_victim():
    assert SEEN == []


@leaves("class_attributes", "shop.fares.Settings.half")
def test_class_attribute():
    fares.Settings.half = 0.25  # leaks


def test_class_attribute_victim():
    assert fares.Settings.half == 0.5


@leaves("class_attributes", "shop.fares.Settings.zones*")
def test_list_of_a_class():
    fares.Settings.zones.append("planted")  # leaks


def test_list_of_a_class_victim():
    assert fares.Settings.zones == []


@leaves("class_attributes", "shop.fares.Settings.price")
def test_replaces_a_method():
    fares.Settings.price = lambda self, stops: 0.0  # leaks


def test_replaces_a_method_victim():
    assert fares.Settings().price(2) == 1.0


@leaves("functions", "shop.fares.discount*")
def test_default():
    fares.discount.__defaults__ = (2,)  # leaks


def test_default_victim():
    assert fares.discount(1) == 1


@leaves("functions", "shop.fares.settings*")
def test_attribute_of_a_function():
    fares.settings.calls = 1  # leaks


def test_attribute_of_a_function_victim():
    assert not hasattr(fares.settings, "calls")


@leaves("function_caches", "shop.fares.rate_of*")
def test_cache():
    fares.rate_of("planted").append(7)  # leaks


def test_cache_victim():
    assert fares.rate_of.cache_info().currsize == 0
