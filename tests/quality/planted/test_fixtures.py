"""A fixture that leaves its own behind: no test of these is to be named, but the fixture."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="module")
def forgets():
    os.environ["PLANTED_BY_A_FIXTURE"] = "x"


def test_uses(forgets):
    assert os.environ["PLANTED_BY_A_FIXTURE"] == "x"


def test_uses_again(forgets):
    assert os.environ["PLANTED_BY_A_FIXTURE"] == "x"
