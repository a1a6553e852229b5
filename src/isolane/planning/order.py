"""In which order tests run."""

from __future__ import annotations

import random
from collections.abc import Sequence

from isolane.model.identity import class_of, module_of


def shuffled(node_ids: Sequence[str], seed: int) -> list[int]:
    """Return the positions of ``node_ids`` in an order drawn by ``seed``.

    Modules are shuffled, then the classes and functions in each, then the tests of each class, so that tests which
    share a module or class fixture stay together and the fixture is set up no more often than before. The same
    ids and seed give the same order in every process, whatever PYTHONHASHSEED is.

    >>> shuffled(["a::x", "a::y", "b::z"], seed=1) == shuffled(["a::x", "a::y", "b::z"], seed=1)
    True
    """
    generator = random.Random(seed)
    modules: dict[str, dict[str, list[int]]] = {}
    for position, node_id in enumerate(node_ids):
        scope = class_of(node_id)
        # A function outside any class is a group of its own: only then does it move among the classes.
        modules.setdefault(module_of(node_id), {}).setdefault(scope or node_id, []).append(position)
    groups = [list(groups.values()) for groups in modules.values()]
    generator.shuffle(groups)
    order: list[int] = []
    for module in groups:
        generator.shuffle(module)
        for group in module:
            generator.shuffle(group)
            order.extend(group)
    return order


def selected(node_ids: Sequence[str], wanted: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return the positions of the ``wanted`` ids in their order, and those that are not there.

    A node id that stands more than once (a plugin may make such) is taken as often as it is wanted.
    """
    places: dict[str, list[int]] = {}
    for position, node_id in enumerate(node_ids):
        places.setdefault(node_id, []).append(position)
    order: list[int] = []
    absent: list[str] = []
    for node_id in wanted:
        if places.get(node_id):
            order.append(places[node_id].pop(0))
        else:
            absent.append(node_id)
    return order, absent


_MOST_ALONE = 200
"""How many tests are run alone, each in a process."""
_COLUMNS = 50
"""In how many processes they are run where there are more, and in as many again the other way round."""


def apart(tests: Sequence[str]) -> list[list[str]]:
    """Return orders that together run each test with as little before it as there may be.

    Alone; in a large suite once before and once behind one test of each other module.

    >>> apart(["a", "b"])
    [['a'], ['b']]
    """
    if len(tests) <= _MOST_ALONE:
        return [[test] for test in tests]
    columns: dict[int, list[str]] = {}
    places: dict[str, int] = {}
    for test in tests:
        place = places[module_of(test)] = places.get(module_of(test), -1) + 1
        columns.setdefault(place % _COLUMNS, []).append(test)
    return [order for column in columns.values() for order in (column, column[::-1])]
