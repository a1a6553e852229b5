"""Which characters a report may hold: the names and messages of tests may hold any."""

from __future__ import annotations

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029)
}


def one_line(text: str) -> str:
    """Return text that stays on its line: node ids may hold line ends, and what would colour the terminal."""
    return text.translate(_CONTROLS)


def writable(text: str) -> str:
    r"""Return text on one line that every reader of UTF-8 takes: a lone surrogate is written as its escape.

    >>> writable("caf\udce9\x1b[1m")
    'caf\\udce9\\x1b[1m'
    """
    return one_line(text).encode("utf-8", "backslashreplace").decode()


def cut(text: str, most: int) -> str:
    """Return text of at most so many characters.

    >>> cut("a long story", 7)
    'a long…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"
