"""Leaks into numpy, where it is installed."""

from __future__ import annotations

import pytest

numpy = pytest.importorskip("numpy")


@pytest.mark.leaves("random_state", "numpy.random")
def test_seeds_numpy():
    numpy.random.seed(20)  # leaks


def test_seeds_numpy_victim():
    before = numpy.random.get_state()
    numpy.random.seed(20)
    seeded = numpy.random.get_state()
    numpy.random.set_state(before)
    assert before[1].tolist() != seeded[1].tolist()
