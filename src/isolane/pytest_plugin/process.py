"""What the plugin asks the operating system about its own process."""

from __future__ import annotations

import functools
import os
import sys
import time
from pathlib import Path
from typing import Any

_LOADED = time.time()
_SET_PARENT_DEATH_SIGNAL = 1
_SIGKILL = 9


def process_start_time() -> float:
    """Return when this process came to be, seconds since the Unix epoch.

    Linux tells it (``/proc/self/stat``, field 22, in clock ticks since boot); elsewhere it is when the plugin was
    loaded, a few tenths of a second late.
    """
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        since_boot = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
        age = since_boot - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return _LOADED
    return min(_LOADED, time.time() - age)


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies (Linux; elsewhere it lives on to the run's end).

    Without it a killed ``isolane`` would leave a test run behind that nobody waits for.
    """
    prctl = process_control()
    if prctl is None:
        return
    prctl(_SET_PARENT_DEATH_SIGNAL, _SIGKILL, 0, 0, 0)
    # A script between the two, which starts the interpreter and waits for it, is as good a parent.
    if os.getppid() != parent and not _is_alive(parent):  # it died before we asked
        os._exit(2)


@functools.cache
def process_control() -> Any:
    """Return Linux's ``prctl``, None elsewhere.

    Loading ctypes takes 10 ms and 8 MB: whoever is going to fork calls this before, lest every child pays for it.
    """
    if sys.platform != "linux":
        return None
    import ctypes

    return ctypes.CDLL(None).prctl


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
