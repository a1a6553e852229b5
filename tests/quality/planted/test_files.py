"""Leaks into files and databases. No victims: a fresh process finds what was left; none minds being run twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from shop.orders import CONNECTION

leaves = pytest.mark.leaves


@leaves("files", "*made-in-the-project.txt")
def test_file_in_the_project():
    (Path(__file__).parent / "made-in-the-project.txt").write_text("x")  # leaks


@leaves("files", "*there.txt")
def test_changes_a_file_of_the_project():
    (Path(__file__).parent / "there.txt").write_text("changed")  # leaks


@leaves("files", "*gone.txt")
def test_removes_a_file_of_the_project():
    (Path(__file__).parent / "gone.txt").unlink(missing_ok=True)  # leaks


@leaves("files", "*.planted-settings")
def test_file_in_the_home_directory():
    (Path(os.environ["PLANTED_HOME"]) / ".planted-settings").write_text("x")  # leaks


@leaves("files", "*planted.log")
def test_file_in_the_temporary_directory():
    (Path(os.environ["TMPDIR"]) / "planted.log").write_text("x")  # leaks


@leaves("files", "*planted-directory")
def test_directory_in_the_temporary_directory():
    (Path(os.environ["TMPDIR"]) / "planted-directory").mkdir(exist_ok=True)  # leaks


@leaves("rows", "shop.orders:CONNECTION orders")
def test_rows():
    CONNECTION.execute("INSERT INTO orders VALUES ('harbour')")  # leaks


@leaves(
    "",
    "a file that a program wrote",
    gap="what other programs write is not heard of: it is the process that is listened to",
)
def test_file_of_a_program():
    subprocess.run([sys.executable, "-c", "open('made-by-a-program.txt', 'w').close()"], check=True)
