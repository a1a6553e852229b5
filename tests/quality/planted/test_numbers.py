"""Leaks into numpy, where it is installed."""

from __future__ import annotations

import pytest

numpy = pytest.importorskip("numpy")


@pytest.mark.leaves("random_state", "numpy.random")
def test_seeds_numpy():
    numpy.random.seed(20)  # leaks


def test_seeds_numpy_victim():
    state = numpy.random.get_state()[1].tolist()
    numpy.random.seed(20)
    assert numpy.random.get_state()[1].tolist() != state
