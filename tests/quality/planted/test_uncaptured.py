"""A leak that pytest's capture takes back by itself, where it captures: to be run with ``-s``."""

from __future__ import annotations

import io
import sys

import pytest


@pytest.mark.leaves("streams", "sys.stdout", only="-s")
def test_stdout():
    sys.stdout = io.StringIO()  # leaks


def test_stdout_victim():
    assert type(sys.stdout) is not io.StringIO
