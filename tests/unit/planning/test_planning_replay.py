"""Which arguments and which tests a worker's replay has."""

from __future__ import annotations

import pytest

from isolane.model.errors import UsageError
from isolane.planning.replay import in_one_process, in_order, sequence_of

RAN = {"gw0": ["a.py::test_one", "b/a.py::test_one", "a.py::test_two"], "gw1": ["c.py::test_x[::y]"], "": ["lost"]}


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        ("-n 2 --dist loadscope tests", "tests"),
        ("-n2 -nauto -q", "-q"),
        ("-xn4 -vn 2", "-x -v"),
        ("--numprocesses=3 --maxprocesses 2 --dist=load --tx 3*popen -d", ""),
        ("--isolane-engine xdist --isolane-seed=3 --isolane-order file", ""),
    ],
)
def test_workers_engine_and_order_are_left_out(argv: str, kept: str) -> None:
    assert in_one_process(argv.split()) == tuple(kept.split())


@pytest.mark.parametrize("argv", ["--isolane-record=on --no-header -k n2 -p no:randomly", "tests/d -o addopts=-n2 -x"])
def test_everything_else_stays(argv: str) -> None:
    assert in_one_process(argv.split()) == tuple(argv.split())


@pytest.mark.parametrize(
    ("until", "count"),
    [
        (None, 3),
        ("a.py::test_one", 1),  # the whole of one node id, though two end with it
        ("b/a.py::test_one", 2),
        ("test_two", 3),
    ],
)
def test_the_sequence_ends_with_the_test_that_is_named(until: str | None, count: int) -> None:
    assert sequence_of("gw0", RAN, until) == RAN["gw0"][:count]


@pytest.mark.parametrize(
    ("worker", "until", "said"),
    [
        ("gw7", None, "No test of this run is known to have run in 'gw7'. Its workers: gw0, gw1. [no-such-worker]"),
        ("", None, "Its workers: gw0, gw1."),
        ("gw0", "one", "'one' is the end of 2 tests of gw0. Say a.py::test_one or b/a.py::test_one. [ambiguous-test]"),
        ("gw0", "y]", "gw0 ran no test 'y]'. gw1 did. [no-such-test]"),
        ("gw0", "z", "gw0 ran no test 'z'. isolane replay RUN without --worker lists"),
    ],
)
def test_what_was_not_run_is_told_with_what_was(worker: str, until: str | None, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        sequence_of(worker, RAN, until)

    assert said in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_test_that_ran_twice_ends_the_sequence_when_it_first_ran() -> None:
    assert sequence_of("gw0", {"gw0": ["a", "b", "a", "c"]}, "a") == ["a"]


def test_what_was_run_in_an_earlier_process_of_the_worker_is_left_out() -> None:
    ran = {"gw0": ["a", "b", "c", "b", "d"]}
    processes = {"gw0": [0, 2, 4]}
    assert sequence_of("gw0", ran, "b", processes) == ["c", "b"]
    assert sequence_of("gw0", ran, "a", processes) == ["a"]
    assert sequence_of("gw0", ran, "d", processes) == ["d"]
    assert sequence_of("gw0", ran, None, processes) == ran["gw0"]


def test_workers_are_listed_by_their_numbers() -> None:
    assert in_order(["gw10", "gw2", "controller", "gw0"]) == ["controller", "gw0", "gw2", "gw10"]
