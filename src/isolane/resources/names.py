"""Names that nobody else has: for databases, buckets, queues and whatever else outlives a process under a name.

A name is a prefix, the worker and a random part: ``orders_gw1_3k9…``. The random part comes from the operating system.
What ``random`` or a seeded generator gives is no good for it: pytest-randomly seeds ``random`` alike in every worker,
so that two workers draw the same "random" name. Worker and prefix are there for people who find the thing later.
"""

from __future__ import annotations

import os
import string

from isolane.model.errors import UsageError

DATABASE = string.ascii_lowercase + string.digits + "_"
"""What names of databases, schemas and tables have without being quoted."""
BUCKET = string.ascii_lowercase + string.digits + "-"
"""What names of buckets, hosts and containers have."""
LONGEST = 63
"""What Postgres, S3 and DNS allow."""
_BITS = 128
_FEWEST_BITS = 64
"""With a million names, two are the same once in 37 million runs (k² / 2^65)."""


def unique_name(
    prefix: str = "isolane", *, worker: str = "", max_length: int = LONGEST, alphabet: str = DATABASE
) -> str:
    """Return prefix, worker and random part, at most ``max_length`` characters, all of them in ``alphabet``.

    They are joined by the alphabet's first character that is no letter and no digit, if it has one. What a prefix has
    that the alphabet lacks is written small or large, where that helps, or becomes such a joint. The name begins with
    a letter, if the alphabet has any, and ends with a letter or a digit.

    The random part has 128 bits. Where all is too long it is cut first, to no less than 64 bits, then prefix and
    worker. :class:`UsageError` where that does not suffice.
    """
    digits = "".join(dict.fromkeys(one for one in alphabet if one.isalnum()))
    joint = next((one for one in alphabet if not one.isalnum()), "")
    if len(digits) < 2:
        raise UsageError("bad-alphabet", f"The alphabet {alphabet!r} has less than two different letters or digits.")
    fewest = _width(_FEWEST_BITS, len(digits))
    if max_length < fewest + len(joint) + 1:
        raise UsageError(
            "name-too-short",
            f"A name of {max_length} characters out of {len(digits)} is not unique.",
            f"Allow {fewest + len(joint) + 1}.",
        )
    front = _fitting(f"{prefix} {worker}", alphabet, joint)
    letter = next((one for one in digits if one.isalpha()), "")
    if letter and not front[:1].isalpha():
        front = letter + front
    width = min(_width(_BITS, len(digits)), max(fewest, max_length - len(front) - len(joint)))
    front = front[: max_length - width - len(joint)].rstrip(joint or None)
    return (front + joint if front else "") + _random_part(width, digits)


def _fitting(text: str, alphabet: str, joint: str) -> str:
    """Return the text in the alphabet, its parts joined by single joints."""
    fitted = ""
    for one in text:
        # An upper case of two characters, such as that of ß, is in no alphabet.
        fitted += next((same for same in (one, one.lower(), one.upper()) if same in alphabet and same != joint), " ")
    return joint.join(fitted.split())


def _width(bits: int, base: int) -> int:
    """Return how many digits it takes to write any number of that many bits."""
    width, left = 0, (1 << bits) - 1
    while left:
        left //= base
        width += 1
    return width


def _random_part(width: int, digits: str) -> str:
    # So many more bits than are used that none of the digits is likelier than another by more than 2^-64.
    number = int.from_bytes(os.urandom((width * len(digits).bit_length() + 71) // 8), "big")
    part = ""
    for _ in range(width):
        number, place = divmod(number, len(digits))
        part += digits[place]
    return part
