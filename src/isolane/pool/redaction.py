"""Secrets that must not get into an audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

REDACTED = "[redacted]"
_SHORTEST = 4
"""Characters that a secret must have to be looked for in texts: 'no' or '1' is in every traceback."""


class Redaction:
    """Puts ``[redacted]`` where a field has one of these names, in whatever letters, however deep.

    A secret of a row also turns up in messages: texts are searched for the values that were redacted.
    """

    def __init__(self, names: Iterable[str]) -> None:
        if isinstance(names, str):
            names = [names]
        self._names = frozenset(name.lower() for name in names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def of(self, value: Any, found: set[str]) -> Any:
        """Return the value without its secrets, and add those to ``found``. Data classes become dictionaries."""
        if is_dataclass(value) and not isinstance(value, type):
            value = {field.name: getattr(value, field.name) for field in fields(value)}
        if isinstance(value, Mapping):
            return {name: self._field(name, one, found) for name, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.of(one, found) for one in value]
        return value

    def _field(self, name: Any, value: Any, found: set[str]) -> Any:
        if isinstance(name, str) and name.lower() in self._names:
            _collect(value, found)
            return REDACTED
        return self.of(value, found)


def without(text: str, secrets: set[str]) -> str:
    """Return a text in which the secrets are redacted, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def texts_without(value: Any, secrets: set[str]) -> Any:
    """Return a value in whose texts the secrets are redacted."""
    if isinstance(value, str):
        return without(value, secrets)
    if isinstance(value, Mapping):
        return {name: texts_without(one, secrets) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [texts_without(one, secrets) for one in value]
    return value


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for one in value:
            _collect(one, found)
    elif value is not None and len(str(value)) >= _SHORTEST:
        found.add(str(value))
