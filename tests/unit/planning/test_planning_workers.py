"""How many workers a run gets: what is typed, over PYTEST_WORKERS, over the ini file."""

from __future__ import annotations

import pytest

from isolane.model.errors import UsageError
from isolane.planning.workers import WorkerChoice, choose_workers, parse_worker_count

LEAVE = None
"""The choice to leave what is configured; 0 is to make it serial, a number is to make it so many workers."""


def choose(
    typed: int | str | None = None, environment: str | None = None, configured: int | str | None = None
) -> WorkerChoice:
    return choose_workers(typed=typed, environment=environment, configured=configured, available=6)


@pytest.mark.req("R4.1")
@pytest.mark.req("R4.2")
@pytest.mark.req("R4.3")
@pytest.mark.parametrize(
    ("typed", "environment", "configured", "count", "reason"),
    [
        # R4.3: nothing said, or 1, is serial
        (None, None, None, LEAVE, "PYTEST_WORKERS not set"),
        (None, "", None, LEAVE, "PYTEST_WORKERS not set"),
        (None, "  ", None, LEAVE, "PYTEST_WORKERS not set"),
        (None, "1", None, LEAVE, "PYTEST_WORKERS=1"),
        (None, " 1 ", None, LEAVE, "PYTEST_WORKERS=1"),
        (None, "1", "auto", 0, "PYTEST_WORKERS=1"),
        (None, "1", 4, 0, "PYTEST_WORKERS=1"),
        # R4.1: every processor
        (None, "auto", None, 6, "PYTEST_WORKERS=auto: 6 processors to use"),
        (None, "auto", 2, 6, "PYTEST_WORKERS=auto: 6 processors to use"),
        # R4.2: exactly so many, over the ini file and under what is typed
        (None, "3", None, 3, "PYTEST_WORKERS=3"),
        (None, "3", 2, 3, "PYTEST_WORKERS=3"),
        (None, None, 2, LEAVE, "-n 2 in the ini file's addopts"),
        (None, None, 0, LEAVE, "-n 0 in the ini file's addopts"),
        (5, None, None, LEAVE, "-n 5 given"),
        (5, "3", None, LEAVE, "-n 5 given"),
        (5, "1", 2, LEAVE, "-n 5 given"),
        (0, "3", 2, LEAVE, "-n 0 given"),
        ("auto", "3", 2, LEAVE, "-n auto given"),
    ],
)
def test_who_decides(
    typed: int | str | None, environment: str | None, configured: int | str | None, count: int | None, reason: str
) -> None:
    assert choose(typed, environment, configured) == WorkerChoice(count, reason)


@pytest.mark.req("R4.1")
def test_auto_is_one_worker_where_there_is_one_processor() -> None:
    choice = choose_workers(typed=None, environment="auto", configured=None, available=1)

    assert choice == WorkerChoice(1, "PYTEST_WORKERS=auto: 1 processor to use")


@pytest.mark.req("R4.2")
@pytest.mark.parametrize(
    ("text", "count"), [("1", 1), ("2", 2), (" 12 ", 12), ("007", 7), ("auto", 6), ("auto\n", 6), ("999999", 999999)]
)
def test_a_worker_count(text: str, count: int) -> None:
    assert parse_worker_count(text, available=6) == count


BAD_COUNTS = ["0", "-1", "+2", "2.0", "two", "AUTO", "auto,2", "1_0", "²", "٣", "0x2", "", "1000000", "9" * 5000]


@pytest.mark.parametrize("text", BAD_COUNTS, ids=lambda text: ascii(text[:8]))
def test_a_bad_count_is_a_usage_error_that_says_what_is_possible(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_worker_count(text, available=6, source="--workers")

    assert caught.value.slug == "bad-worker-count"
    assert caught.value.what.startswith(f"--workers={text!r} ")
    assert "auto" in caught.value.hint
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(("typed", "configured"), [(None, None), (4, None), (None, 4)])
def test_a_bad_variable_is_heard_of_also_where_it_would_not_count(typed: int | None, configured: int | None) -> None:
    with pytest.raises(UsageError, match="PYTEST_WORKERS='many'"):
        choose(typed, "many", configured)
