"""Plain values as bytes: the only thing that crosses between Python and Lua.

    n nil · t true · f false · i whole number (8 bytes) · d number with a fraction (8 bytes)
    s text (4 bytes of length, bytes) · l list (4 bytes of length, items) · m mapping (4 bytes of length, pairs)

All little-endian. The other side of this is ``sandbox.lua``. What comes back was made by a rule, perhaps a hostile one:
:func:`decode` takes nothing for granted, and makes nothing but plain values.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

MOST_DEPTH = 64
"""How deep values may be nested; one that contains itself is deeper."""
MOST_VALUES = 1_000_000
"""How many values an answer may hold, all that are nested counted."""
_WHOLE = struct.Struct("<q")
_FRACTION = struct.Struct("<d")
_LENGTH = struct.Struct("<I")
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1


class ConversionError(ValueError):
    """A value that cannot cross. why: what it is; keys: where it is, from the outside."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.keys: list[object] = []

    def __str__(self) -> str:
        shown = "".join(f"[{one}]" if isinstance(one, int) else f".{one!s}" for one in self.keys[:8])
        return f"the value{' at ' + shown.lstrip('.') if shown else ''} {self.why}"


def encode(value: object) -> bytes:
    """Return a value as bytes; :class:`ConversionError` where Lua has nothing like it.

    Takes None, booleans, whole numbers of 64 bits, floats, text, bytes, lists, tuples, and mappings whose keys are text
    or whole numbers. In a mapping None is an absent key, as in Lua; in a list it is refused, as it would be a hole.
    """
    parts: list[bytes] = []
    _encode(value, parts, 0)
    return b"".join(parts)


def _encode(value: object, parts: list[bytes], depth: int) -> None:
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        parts += (b"s", _LENGTH.pack(len(text)), text)
    elif value is None:
        parts.append(b"n")
    elif value is True or value is False:
        parts.append(b"t" if value else b"f")
    elif isinstance(value, int):
        if not _SMALLEST <= value <= _LARGEST:
            raise ConversionError("is a whole number of over 64 bits")
        parts.append(b"i" + _WHOLE.pack(value))
    elif isinstance(value, float):
        parts.append(b"d" + _FRACTION.pack(value))
    elif isinstance(value, (bytes, bytearray)):
        parts += (b"s", _LENGTH.pack(len(value)), bytes(value))
    elif isinstance(value, (list, tuple)):
        _go_down(depth)
        parts += (b"l", _LENGTH.pack(len(value)))
        _encode_items(value, parts, depth + 1)
    elif isinstance(value, Mapping):
        _go_down(depth)
        parts += (b"m", _LENGTH.pack(sum(item is not None for item in value.values())))
        _encode_pairs(value, parts, depth + 1)
    else:
        raise ConversionError(f"is a {type(value).__name__}, which Lua has nothing like")


def _encode_items(items: Iterable[object], parts: list[bytes], depth: int) -> None:
    position = 0
    try:
        for item in items:
            if item is None:
                raise ConversionError("is None, which would be a hole in a Lua list")
            _encode(item, parts, depth)
            position += 1
    except ConversionError as error:
        error.keys.insert(0, position)
        raise


def _encode_pairs(pairs: Mapping[Any, object], parts: list[bytes], depth: int) -> None:
    place: list[object] = []
    try:
        for key, item in pairs.items():
            if item is None:
                continue
            if isinstance(key, bool) or not isinstance(key, (str, bytes, int)):
                raise ConversionError("has a key that is neither text nor a whole number")
            place = [key]
            _encode(key, parts, depth)
            _encode(item, parts, depth)
            place = []
    except ConversionError as error:
        error.keys[:0] = place
        raise


def _go_down(depth: int) -> None:
    if depth >= MOST_DEPTH:
        raise ConversionError(f"is nested over {MOST_DEPTH} deep, or contains itself")


def decode(data: bytes) -> Any:
    """Return the value of these bytes; :class:`ConversionError` for any that :func:`encode` would not write.

    Refuses over MOST_VALUES values: a byte may become a list of 56. Mappings come back in the order of their keys: Lua
    has none, and what is the same must look the same.
    """
    reader = _Reader(data)
    value, end = reader.value(0, 0)
    if end != len(data):
        raise ConversionError("has bytes that belong to nothing")
    return value


class _Reader:
    """Reads values out of bytes. left: how many more there may be."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MOST_VALUES

    def value(self, at: int, depth: int) -> tuple[Any, int]:
        """Return the value that begins there, and where it ends."""
        self._left -= 1
        if self._left < 0:
            raise ConversionError(f"holds over {MOST_VALUES:,} values")
        data = self._data
        kind, at = data[at : at + 1], at + 1
        if kind == b"s":
            length, at = self._length(at)
            return _text(data[at : at + length]), at + length
        if kind == b"i" or kind == b"d":
            if at + 8 > len(data):
                raise ConversionError("ends in the midst of a number")
            return (_WHOLE if kind == b"i" else _FRACTION).unpack_from(data, at)[0], at + 8
        if kind == b"t" or kind == b"f":
            return kind == b"t", at
        if kind == b"n":
            return None, at
        if kind != b"l" and kind != b"m":
            raise ConversionError(f"has a part of the unknown kind {kind!r}")
        if depth >= MOST_DEPTH:
            raise ConversionError(f"is nested over {MOST_DEPTH} deep")
        count, at = self._length(at)
        return self._list(count, at, depth + 1) if kind == b"l" else self._mapping(count, at, depth + 1)

    def _list(self, count: int, at: int, depth: int) -> tuple[list[Any], int]:
        items = []
        for _ in range(count):
            item, at = self.value(at, depth)
            items.append(item)
        return items, at

    def _mapping(self, count: int, at: int, depth: int) -> tuple[dict[Any, Any], int]:
        pairs: dict[Any, Any] = {}
        for _ in range(count):
            key, at = self.value(at, depth)
            if isinstance(key, bool) or not isinstance(key, (str, bytes, int)):
                raise ConversionError("has a key that is neither text nor a whole number")
            pairs[key], at = self.value(at, depth)
        return dict(sorted(pairs.items(), key=_rank)), at

    def _length(self, at: int) -> tuple[int, int]:
        """Return a length, and where what it is of begins; no item is under a byte, so one that is over is a lie."""
        if at + 4 > len(self._data):
            raise ConversionError("ends in the midst of a length")
        (length,) = _LENGTH.unpack_from(self._data, at)
        if at + 4 + length > len(self._data):
            raise ConversionError("says that it is longer than it is")
        return length, at + 4


def _text(data: bytes) -> str | bytes:
    """Return text where the bytes are text; a lone surrogate in a file's name comes back as it went."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return bytes(data)


def _rank(pair: tuple[Any, Any]) -> tuple[int, Any]:
    key = pair[0]
    return (0, key) if isinstance(key, int) else (1, key) if isinstance(key, str) else (2, key)
