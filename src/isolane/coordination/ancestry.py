"""Which processes this one comes from, and where it is known by its number."""

from __future__ import annotations

import os
from pathlib import Path


def process_space() -> str:
    """Return where process numbers mean what they mean here: the machine, and on Linux the namespace."""
    try:
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  # it names no file
    except OSError:
        space = ""
    return f"{os.uname().nodename} {space}".strip()


def ancestors() -> list[int]:
    """Return the numbers of the process that started this one, of the one that started that, and so on."""
    parents = _table_of_parents() if not Path("/proc/self/stat").exists() else {}
    found = [os.getppid()]
    while (parent := parents.get(found[-1]) or _parent_of(found[-1])) and parent not in found:
        found.append(parent)
    return found


def _parent_of(process: int) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[1])


def _table_of_parents() -> dict[int, int]:
    """Ask ps, where the kernel shows no /proc: macOS."""
    import subprocess

    try:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        return {int(process): int(parent) for process, parent in map(str.split, listed.splitlines())}
    except (OSError, subprocess.CalledProcessError, ValueError):
        return {}
