"""How many processors this process may really use."""

from __future__ import annotations

import os
from pathlib import Path


def available_processors(root: Path = Path("/")) -> int:
    """Return the processors of this process's affinity, at most what its control group's quota pays for; at least 1.

    A container that may use 2 of 64 processors gets 2, not 64. The quota is rounded down: a worker that is
    throttled half the time makes the whole run wait. root: where ``proc`` and ``sys`` are, for tests.
    Source: the kernel's cgroup documentation, ``cpu.max`` (v2) and ``cpu.cfs_quota_us`` (v1).
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        count = os.cpu_count() or 1
    quota = _quota(root)
    return max(1, count if quota is None else min(count, int(quota)))


def _quota(root: Path) -> float | None:
    """Return the processors that the tightest control group on the way up allows, or None."""
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    quotas: list[float] = []
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers == "":
            base, read = root / "sys/fs/cgroup", _read_version_2
        elif "cpu" in controllers.split(","):
            base, read = root / "sys/fs/cgroup/cpu", _read_version_1
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            quota = read(base.joinpath(*parts[:depth]))
            if quota is not None:
                quotas.append(quota)
    return min(quotas, default=None)


def _read_version_2(group: Path) -> float | None:
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _read_version_1(group: Path) -> float | None:
    try:
        quota = int((group / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((group / "cpu.cfs_period_us").read_text(encoding="ascii"))
        return None if quota <= 0 else quota / period
    except (OSError, ValueError, ZeroDivisionError):
        return None
