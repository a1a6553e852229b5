import os

import pytest
import state


def test_zone():
    assert state.zone == ""


def test_halves():
    assert len(state.halves) < 2


def test_thirds():
    assert len(state.thirds) < 3


def test_fare():
    assert state.fares["bus"] == 2


def test_codes():
    if len(state.codes) > 2:
        pytest.skip("too many codes")


def test_rate():
    if state.rates["bus"] == 7:
        os.abort()


def test_nothing_is_patched():
    assert state.imported == []


def test_is_ready():
    assert state.ready


def test_is_not_locked():
    assert not state.locked


def test_is_broken():
    raise LookupError("always")
