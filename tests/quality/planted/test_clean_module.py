"""A module that is set up once, the old way: what it keeps among its own names is its own."""

from __future__ import annotations

SHARED = None


def setup_module(module):
    global SHARED
    SHARED = ["a"]
    module.made_for_all = {"b": 2}


def teardown_module():
    SHARED.clear()


def test_one():
    assert SHARED == ["a"]


def test_two():
    assert made_for_all == {"b": 2}  # noqa: F821  # bound when the module is set up
