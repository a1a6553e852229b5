"""The time limit that new sockets get, ``socket.setdefaulttimeout``."""

from __future__ import annotations

import sys
from typing import Any

from isolane.model.state import Plain
from isolane.process_state.slots import Slot, ValuesKind


class SocketTimeoutKind(ValuesKind):
    """Seconds, or ``None`` for no limit; that is also what a process has that has not imported ``socket``."""

    name = "socket_timeout"

    def __init__(self) -> None:
        self.slots = (Slot("socket.getdefaulttimeout", _read, _write),)

    def describe(self, slot: Slot, value: Any) -> Plain:  # noqa: ARG002
        """Return the limit with its unit."""
        return None if value is None else f"{value:g} s"


def _read() -> float | None:
    module: Any = sys.modules.get("socket")
    try:
        return module.getdefaulttimeout()  # type: ignore[no-any-return]
    except AttributeError:  # not imported, or being imported just now
        return None


def _write(seconds: float | None) -> None:
    import socket

    socket.setdefaulttimeout(seconds)
