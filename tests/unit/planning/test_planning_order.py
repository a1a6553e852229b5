"""Orders by a seed: the same in every process, and really another one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from isolane.planning.order import selected, shuffled

SUITE = [f"m{module}.py::Test{cls}::test_{test}[{test}]" for module in range(4) for cls in "AB" for test in range(4)]
SUITE += [f"m{module}.py::test_{test}" for module in range(4) for test in range(3)]


def test_a_seed_gives_the_same_order_in_another_process_with_other_hashes() -> None:
    program = (
        "import json, sys; from isolane.planning.order import shuffled; "
        "print(json.dumps(shuffled(json.load(sys.stdin), 12345)))"
    )
    orders = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", program],
                input=json.dumps(SUITE),
                env={**os.environ, "PYTHONHASHSEED": hash_seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for hash_seed in ("1", "4242")
    ]

    assert orders[0] == orders[1] == shuffled(SUITE, 12345)


def test_a_seed_means_the_same_order_in_every_version() -> None:
    # A printed seed must show a failure again after an upgrade: this order may not change.
    ids = ["a::x", "a::y", "a::C::p", "a::C::q", "b::z", "c::w"]

    assert [ids[position] for position in shuffled(ids, 3)] == ["b::z", "c::w", "a::x", "a::C::q", "a::C::p", "a::y"]


def test_another_seed_gives_another_order() -> None:
    assert len({tuple(shuffled(SUITE, seed)) for seed in range(20)}) == 20


def test_modules_classes_and_tests_all_move() -> None:
    orders = [[SUITE[position] for position in shuffled(SUITE, seed)] for seed in range(30)]

    assert {order[0].partition("::")[0] for order in orders} == {"m0.py", "m1.py", "m2.py", "m3.py"}
    first_of_m0 = {next(one for one in order if one.startswith("m0.py")) for order in orders}
    assert any("TestA" in one for one in first_of_m0)
    assert any("TestB" in one for one in first_of_m0)
    assert any("Test" not in one for one in first_of_m0)
    of_a_class = {tuple(one for one in order if one.startswith("m0.py::TestA")) for order in orders}
    assert len(of_a_class) > 5


def test_a_parameter_with_colons_makes_no_class() -> None:
    # Functions of a module move one by one: here a class would keep the two together in every order.
    ids = ["a.py::f[x::1]", "a.py::f[x::2]", "a.py::g", "a.py::h"]

    apart = [abs(order.index(0) - order.index(1)) for order in (shuffled(ids, seed) for seed in range(30))]

    assert max(apart) > 1


def test_an_empty_suite_has_an_order() -> None:
    assert shuffled([], 1) == []
    assert selected([], []) == ([], [])


def test_tests_are_selected_in_the_wanted_order_and_the_absent_are_named() -> None:
    assert selected(["a", "b", "c"], ["c", "x", "a", "c"]) == ([2, 0], ["x", "c"])


def test_a_node_id_that_stands_twice_is_taken_twice() -> None:
    assert selected(["a", "b", "a"], ["a", "b", "a"]) == ([0, 1, 2], [])
