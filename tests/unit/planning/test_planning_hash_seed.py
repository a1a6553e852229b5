"""Which hash seed runs have that are compared with each other."""

from __future__ import annotations

import pytest

from isolane.planning.hash_seed import held_environment, held_seed


@pytest.mark.parametrize(
    ("asked", "held"),
    [({}, 0), ({"PYTHONHASHSEED": ""}, 0), ({"PYTHONHASHSEED": "7"}, 7), ({"PYTHONHASHSEED": "random"}, None)],
)
def test_one_seed_is_held_unless_the_user_wants_random_ones(asked: dict[str, str], held: int | None) -> None:
    assert held_seed(held_environment(asked)) == held
    assert held_environment(asked) == ({} if held is None else {"PYTHONHASHSEED": str(held)})
