"""Orders of any suite: nothing lost, nothing torn apart, and what was asked for in the order it was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from isolane.planning.order import selected, shuffled

modules = st.sampled_from(["a.py", "b.py", "tests/[slug]/c.py", "tests/d[1].py"])
classes = st.sampled_from([(), ("TestX",), ("TestY",), ("TestX", "TestInner")])
parameters = st.sampled_from(["", "[1]", "[a::b]", "[a.py::TestX::c]", "[[]", "[::]"])
tests = st.tuples(modules, classes, st.sampled_from(["test_a", "test_b", "test_c"]), parameters)
"""A test as (module, classes, function, parameter): what the node id is made of, and what it must be taken for."""

suites = st.lists(tests, max_size=40)
seeds = st.integers(0, 2**32 - 1)


def node_id(test: tuple[str, tuple[str, ...], str, str]) -> str:
    module, of_classes, function, parameter = test
    return "::".join((module, *of_classes, function)) + parameter


def runs_of(keys: Sequence[Hashable]) -> int:
    """Return how many unbroken stretches of equal keys there are."""
    return sum(1 for position, key in enumerate(keys) if position == 0 or keys[position - 1] != key)


@given(suites, seeds)
def test_a_shuffle_is_a_permutation(suite: list[tuple[str, tuple[str, ...], str, str]], seed: int) -> None:
    order = shuffled([node_id(test) for test in suite], seed)

    assert sorted(order) == list(range(len(suite)))


@given(suites, seeds)
def test_a_shuffle_keeps_each_module_and_each_class_together(
    suite: list[tuple[str, tuple[str, ...], str, str]], seed: int
) -> None:
    order = [suite[position] for position in shuffled([node_id(test) for test in suite], seed)]

    of_modules = [module for module, _, _, _ in order]
    assert runs_of(of_modules) == len(set(of_modules))
    in_classes = [(module, of_classes) for module, of_classes, _, _ in order]
    stretches = Counter(
        key for position, key in enumerate(in_classes) if position == 0 or in_classes[position - 1] != key
    )
    assert {key: count for key, count in stretches.items() if key[1] and count > 1} == {}


@given(suites, seeds)
def test_a_shuffle_depends_on_nothing_but_ids_and_seed(
    suite: list[tuple[str, tuple[str, ...], str, str]], seed: int
) -> None:
    node_ids = [node_id(test) for test in suite]

    assert shuffled(node_ids, seed) == shuffled(tuple(node_ids), seed)


@given(st.lists(st.sampled_from("abcdef"), max_size=12), st.lists(st.sampled_from("abcdefg"), max_size=12))
def test_what_is_selected_is_what_was_wanted_as_often_as_it_is_there(collected: list[str], wanted: list[str]) -> None:
    order, absent = selected(collected, wanted)

    stock = Counter(collected)
    model_order, model_absent = [], []
    for one in wanted:
        (model_order if stock[one] > 0 else model_absent).append(one)
        stock[one] -= 1
    assert [collected[position] for position in order] == model_order
    assert absent == model_absent
    assert len(set(order)) == len(order)


@given(st.permutations(["a.py::x", "a.py::y", "b.py::z", "b.py::z"]))
def test_all_in_another_order_is_that_order(wanted: list[str]) -> None:
    collected = ["a.py::x", "a.py::y", "b.py::z", "b.py::z"]

    order, absent = selected(collected, wanted)

    assert [collected[position] for position in order] == wanted
    assert absent == []
