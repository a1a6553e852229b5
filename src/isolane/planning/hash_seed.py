"""The hash seed of runs that are compared with each other: one for all of them."""

from __future__ import annotations

from collections.abc import Mapping

VARIABLE = "PYTHONHASHSEED"
HELD = "0"
"""What is held where nobody asks for another: the same in every proof, so that two proofs have the same node ids."""


def held_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is added to the environment of each such run.

    environment: the user's. A number there stays; ``random`` does too, and then nothing is held.

    >>> held_environment({}), held_environment({"PYTHONHASHSEED": "7"}), held_environment({"PYTHONHASHSEED": "random"})
    ({'PYTHONHASHSEED': '0'}, {'PYTHONHASHSEED': '7'}, {})
    """
    asked = environment.get(VARIABLE) or HELD  # Python takes an empty value for none
    return {} if asked == "random" else {VARIABLE: asked}


def held_seed(environment: Mapping[str, str]) -> int | None:
    """Return the seed that :func:`held_environment` has put there, None where nothing is held."""
    return int(environment[VARIABLE]) if VARIABLE in environment else None
