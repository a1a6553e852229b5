"""Drivers of servers: libraries that need not be installed, and what they and their servers say, in one line."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from isolane.model.errors import ServerMissingError


def import_driver(name: str, *, slug: str, extra: str) -> Any:
    """Import a library; :class:`ServerMissingError` where it cannot be. extra: isolane's, which installs it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ServerMissingError(
            slug, f"{name} is not installed ({one_line(error)}).", f"Install it: pip install 'isolane[{extra}]'."
        ) from None


def one_line(said: object) -> str:
    """Return what a driver or a program said without its line ends."""
    return " ".join(str(said).split())
