"""Seeds of shuffled orders: as they are typed, and drawn where nobody chose any."""

from __future__ import annotations

import random

from isolane.model.errors import UsageError

_SEED_LIMIT = 2**32


def parse_seeds(text: str) -> list[int]:
    """Return the whole numbers of a list like ``1,2,3``; raises :class:`UsageError` for anything else."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise UsageError("bad-seeds", f"--seeds={text!r} is not a list of whole numbers.", "Write them like 1,2,3.")
    return [int(part) for part in parts]


def draw_seeds(count: int) -> list[int]:
    """Return that many seeds nobody chose."""
    generator = random.SystemRandom()
    return [generator.randrange(_SEED_LIMIT) for _ in range(count)]
