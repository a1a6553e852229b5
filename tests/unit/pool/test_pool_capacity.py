from __future__ import annotations

import math
import pickle

import pytest

from isolane.pool import CAPACITY_CODES, CapacityError, capacity_error
from isolane.pool.capacity import parse_retry_after

MORNING = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT."""


@pytest.mark.parametrize("code", [429, 503, 529])
def test_answers_that_mean_not_now(code: int) -> None:
    error = capacity_error(code, message="later")

    assert error is not None
    assert (error.status_code, error.message, error.retry_after) == (code, "later", None)
    assert str(error) == f"{code}: later"


@pytest.mark.parametrize("code", [200, 400, 500, 504])
def test_answers_that_mean_something_else(code: int) -> None:
    assert capacity_error(code, {"Retry-After": "3"}) is None


def test_more_codes() -> None:
    assert capacity_error(509) is None
    assert capacity_error(509, codes=CAPACITY_CODES | {509}) is not None


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_the_header_is_found_however_it_is_written(name: str) -> None:
    error = capacity_error(429, {"Server": "x", name: "12"})

    assert error is not None
    assert error.retry_after == 12


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("1.5", 1.5),
        ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("1.2.3", None),
        (".", None),
        ("²", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, MORNING) == seconds


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf])
def test_a_time_that_cannot_be_meant(seconds: float) -> None:
    with pytest.raises(ValueError, match="retry_after"):
        CapacityError(429, retry_after=seconds)


def test_an_error_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(CapacityError(503, "full", retry_after=2)))

    assert (again.status_code, again.message, again.retry_after, str(again)) == (503, "full", 2, "503: full")
