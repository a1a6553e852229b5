"""Tests that need the same from outside their process never run at the same time, and nobody waits for nothing."""

from __future__ import annotations

import pytest
from fork_runs import TWO

XDIST = ("-n", "2", "--isolane-engine", "xdist")
THREE = ("-n", "3", "--isolane-engine", "fork")

MEETING = {
    "meeting.py": """
        import os, socket
        from contextlib import contextmanager, suppress
        from pathlib import Path

        @contextmanager
        def present(name):
            # Who else is there while this one is? Whoever comes tells all who are there already.
            here = Path("here")
            here.mkdir(exist_ok=True)
            mine = here / f"{name}-{os.getpid()}"
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears:
                ears.bind(str(mine))
                ears.settimeout(0.05)
                try:
                    seen = {path.name for path in here.iterdir() if path != mine}
                    for other in seen:
                        with suppress(OSError):  # It has gone meanwhile.
                            ears.sendto(mine.name.encode(), str(here / other))
                    with suppress(TimeoutError):
                        while True:
                            seen.add(ears.recv(200).decode())
                    yield seen
                finally:
                    mine.unlink()
    """
}


def modules(count: int, body: str) -> dict[str, str]:
    return {f"test_{number}.py": body.replace("NUMBER", str(number)) for number in range(count)}


EXCLUSIVE = """
import pytest
from meeting import present

@pytest.mark.isolane_resource("db:main")
@pytest.mark.parametrize("turn", range(3))
def test_has_it(turn):
    with present("db") as others:
        assert not [one for one in others if one.startswith("db")]

def test_needs_nothing():
    with present("free"):
        pass
"""


@pytest.mark.parametrize(
    ("engine", "dist"),
    [(TWO, "loadscope"), (THREE, "load"), (XDIST, "load"), (XDIST, "loadscope")],
    ids=["two-loadscope", "three-load", "xdist-load", "xdist-loadscope"],
)
def test_who_needs_the_same_never_meets(project, engine, dist):
    project.write(MEETING).write(modules(5, EXCLUSIVE))
    ended = project.pytest(*engine, "--dist", dist, "-q")
    assert ended.code == 0, ended.text
    assert "20 passed" in ended.out


@pytest.mark.parametrize("engine", [TWO, XDIST], ids=["fork", "xdist"])
def test_readers_meet_and_a_writer_meets_nobody(project, engine):
    project.write(MEETING).write(
        modules(
            3,
            """
from pathlib import Path
import pytest
from meeting import present

@pytest.mark.isolane_resource("db:main", mode="shared")
@pytest.mark.parametrize("turn", range(3))
def test_reads(turn):
    with present("reader") as others:
        assert not [one for one in others if one.startswith("writer")]
        if others: Path("met").touch()

@pytest.mark.isolane_resource("db:main")
def test_writes():
    with present("writer") as others:
        assert not others
""",
        )
    )
    ended = project.pytest(*engine, "--dist", "load", "-q")
    assert ended.code == 0, ended.text
    assert (project.path / "met").exists()


@pytest.mark.parametrize("engine", [THREE, XDIST], ids=["three", "xdist"])
def test_nothing_runs_beside_who_is_to_be_alone(project, engine):
    project.write(MEETING).write(
        modules(
            4,
            """
import pytest
from meeting import present

@pytest.mark.isolane_alone
def test_is_alone():
    with present("alone") as others:
        assert not others

@pytest.mark.parametrize("turn", range(3))
def test_is_one_of_many(turn):
    with present("many") as others:
        assert not [one for one in others if one.startswith("alone")]
""",
        )
    )
    ended = project.pytest(*engine, "--dist", "load", "-q")
    assert ended.code == 0, ended.text
    assert "16 passed" in ended.out


def test_a_weight_counts_as_so_many_workers(project):
    project.write(MEETING).write(
        modules(
            3,
            """
import pytest
from meeting import present

@pytest.mark.isolane_resource(cpus=2)
def test_is_heavy():
    with present("heavy") as others:
        assert not others

def test_is_light():
    with present("light"):
        pass
""",
        )
    )
    ended = project.pytest(*TWO, "--dist", "load", "-q")
    assert ended.code == 0, ended.text


def test_who_has_gone_gives_back_what_it_had(project):
    project.write(
        modules(
            4,
            """
import os, pytest

@pytest.mark.isolane_resource("db:main")
def test_has_it():
    if NUMBER == 1: os._exit(3)
""",
        )
    )
    ended = project.pytest(*TWO, "-q")
    assert ended.code == 1
    assert "1 failed, 3 passed" in ended.out


def test_it_stops_where_others_wait(project):
    project.write(
        modules(
            4,
            """
import pytest

@pytest.mark.isolane_resource("db:main")
def test_fails(): assert 0
""",
        )
    )
    ended = project.pytest(*TWO, "-q", "-x")
    assert ended.code in (1, 2)
    assert "1 failed" in ended.out


def test_a_marker_that_means_nothing_is_refused(project):
    project.write({"test_bad.py": "import pytest\n@pytest.mark.isolane_resource(mode='both')\ndef test_a(): pass\n"})
    ended = project.pytest(*TWO, "-q")
    assert ended.code == 4
    assert "isolane: test_bad.py::test_a: isolane_resource(mode='both'): mode is" in ended.text
