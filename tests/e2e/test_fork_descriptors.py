"""Files that are open when workers are forked are named, if they are the project's own."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="what is open is read from /proc")
@pytest.mark.parametrize("arguments", [(), ("-s",), ("-p", "no:faulthandler")], ids=["captured", "-s", "plain"])
def test_a_file_of_the_projects_is_named_and_where_output_goes_is_not(project, arguments):
    project.write({"conftest.py": "held = open('mine.txt', 'w')\n", "test_a.py": "def test_a(): pass\n"})
    with (project.path / "out.txt").open("wb") as out, (project.path / "err.txt").open("wb") as err:
        command = project.command("pytest", "-n", "1", *arguments)
        environment = project.environment
        ended = subprocess.run(
            command, cwd=project.path, env=environment, stdout=out, stderr=err, check=False, timeout=60
        )
    assert ended.returncode == 0
    (said,) = [line for line in (project.path / "out.txt").read_text().splitlines() if "share it" in line]
    assert said.startswith("isolane: open before the workers are forked, so all of them share it: ")
    assert "mine.txt (descriptor " in said
    assert "out.txt" not in said
    assert "err.txt" not in said
