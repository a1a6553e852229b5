"""How many processors may be used: affinity, and the quota of the control groups on the way up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from isolane.coordination.processors import available_processors

MACHINE = 64


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file system of its own, on a machine of 64 processors."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(MACHINE)), raising=False)
    return tmp_path


def groups(root: Path, membership: str | bytes, files: dict[str, str | bytes]) -> None:
    """Write /proc/self/cgroup, and files under /sys/fs/cgroup."""
    for path, content in {
        "proc/self/cgroup": membership,
        **{f"sys/fs/cgroup/{k}": v for k, v in files.items()},
    }.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())


def version_1(group: str, quota: str, period: str = "100000") -> dict[str, str | bytes]:
    return {f"cpu/{group}cpu.cfs_quota_us": f"{quota}\n", f"cpu/{group}cpu.cfs_period_us": f"{period}\n"}


def test_without_control_groups_the_affinity_counts(root: Path) -> None:
    assert available_processors(root) == MACHINE


@pytest.mark.parametrize(
    ("limit", "processors"),
    [
        ("max 100000", MACHINE),
        ("200000 100000", 2),
        ("100000 50000", 2),
        ("290000 100000", 2),
        ("50000 100000", 1),
        ("0 100000", 1),
        ("100000000 100000", MACHINE),
    ],
)
def test_version_2_limits(root: Path, limit: str, processors: int) -> None:
    groups(root, "0::/app\n", {"app/cpu.max": f"{limit}\n"})

    assert available_processors(root) == processors


@pytest.mark.parametrize(
    ("quota", "period", "processors"),
    [
        ("-1", "100000", MACHINE),
        ("0", "100000", MACHINE),
        ("300000", "100000", 3),
        ("390000", "100000", 3),
        ("1000", "100000", 1),
        ("6400001", "100000", MACHINE),
    ],
)
def test_version_1_limits(root: Path, quota: str, period: str, processors: int) -> None:
    groups(root, "5:cpuset:/app\n4:cpu,cpuacct:/app\n1:name=systemd:/app\n", version_1("app/", quota, period))

    assert available_processors(root) == processors


@pytest.mark.parametrize(
    ("limits", "processors"),
    [
        ({"a/b/c/": "800000", "a/b/": "200000", "a/": "400000"}, 2),
        ({"a/b/c/": "300000", "a/b/": "max", "a/": "500000"}, 3),
        ({"a/b/c/": "max", "a/b/": "max", "a/": "500000"}, 5),
        ({"": "600000"}, 6),
        ({"a/b/c/": "max"}, MACHINE),
        ({"other/": "100000", "a/x/": "100000"}, MACHINE),
    ],
    ids=["in the middle", "at the leaf", "above", "at the mount", "nowhere", "of others"],
)
def test_the_tightest_group_on_the_way_up_counts(root: Path, limits: dict[str, str], processors: int) -> None:
    groups(root, "0::/a/b/c\n", {f"{group}cpu.max": f"{quota} 100000\n" for group, quota in limits.items()})

    assert available_processors(root) == processors


def test_nested_groups_of_version_1(root: Path) -> None:
    groups(root, "4:cpu:/a/b\n", {**version_1("a/b/", "-1"), **version_1("a/", "400000"), **version_1("", "-1")})

    assert available_processors(root) == 4


def test_where_both_versions_are_mounted_both_count(root: Path) -> None:
    both = {**version_1("app/", "500000"), "app/cpu.max": "300000 100000\n"}

    groups(root, "4:cpu,cpuacct:/app\n0::/app\n", both)
    assert available_processors(root) == 3

    groups(root, "4:cpu,cpuacct:/app\n0::/app\n", {**both, "app/cpu.max": "700000 100000\n"})
    assert available_processors(root) == 5


@pytest.mark.parametrize("group", ["/docker/0123abcd", "/../../kubepods/pod1", "/.."])
def test_in_a_container_that_sees_only_its_own_group_the_mount_counts(root: Path, group: str) -> None:
    groups(root, f"0::{group}\n", {"cpu.max": "200000 100000\n"})

    assert available_processors(root) == 2


def test_a_group_may_have_a_colon_in_its_name(root: Path) -> None:
    groups(root, "0::/a:b\n", {"a:b/cpu.max": "200000 100000\n"})

    assert available_processors(root) == 2


def test_only_the_group_of_processors_counts(root: Path) -> None:
    groups(root, "7:cpuset,cpuacct:/app\n6:memory:/app\n", version_1("app/", "100000"))

    assert available_processors(root) == MACHINE


@pytest.mark.parametrize(
    "limit", ["", "max", "200000", "lots 100000", "200000 some", "200000 0", "1 2 3", b"\xff\xfe 100000"], ids=repr
)
def test_a_limit_that_means_nothing_is_passed_over(root: Path, limit: str | bytes) -> None:
    groups(root, "0::/app\n", {"app/cpu.max": limit, "cpu.max": "300000 100000\n"})

    assert available_processors(root) == 3


@pytest.mark.parametrize(
    "files",
    [
        version_1("app/", "lots"),
        version_1("app/", "200000", "0"),
        version_1("app/", "200000", ""),
        {"cpu/app/cpu.cfs_quota_us": "200000\n"},
        {"cpu/app/cpu.cfs_quota_us": b"\xff"},
    ],
    ids=["quota", "period of nothing", "no period", "no file for the period", "binary"],
)
def test_a_version_1_limit_that_means_nothing_is_passed_over(root: Path, files: dict[str, str | bytes]) -> None:
    groups(root, "4:cpu:/app\n", {**files, **version_1("", "300000")})

    assert available_processors(root) == 3


@pytest.mark.parametrize(
    "membership", ["", "\n\n", "nonsense", "0", "4:memory", b"\xff\xfe\n", b"4:cp\xff:/x\n"], ids=repr
)
def test_a_membership_that_means_nothing_is_passed_over(root: Path, membership: str | bytes) -> None:
    groups(root, membership, {"app/cpu.max": "100000 100000\n"})

    assert available_processors(root) == MACHINE


def test_a_group_whose_name_is_no_text_counts_too(root: Path) -> None:
    groups(root, b"0::/caf\xe9\n", {"cpu.max": "300000 100000\n"})

    assert available_processors(root) == 3


@pytest.mark.parametrize(("counted", "processors"), [(5, 5), (None, 1)])
def test_where_there_is_no_affinity_the_machines_count_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counted: int | None, processors: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)

    assert available_processors(tmp_path) == processors


@pytest.mark.req("R4.1")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_that_was_bound_to_fewer_processors_uses_no_more(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from isolane.coordination.processors import available_processors
mine = sorted(os.sched_getaffinity(0))
for count in (len(mine), 1):
    os.sched_setaffinity(0, mine[:count])
    print(available_processors(Path(sys.argv[1])))
"""
    printed = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout

    assert printed.split() == [str(len(os.sched_getaffinity(0))), "1"]


def test_here_there_is_at_least_one_and_no_more_than_the_machine_has() -> None:
    assert 1 <= available_processors() <= (os.cpu_count() or 1)
