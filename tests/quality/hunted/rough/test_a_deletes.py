"""These harm the project that they run in; they are run in copies of it only."""

import os
import shutil
from pathlib import Path

HERE = Path(__file__).parent


def test_removes_the_parent_of_its_folder(tmp_path):
    shutil.rmtree(tmp_path.parent)


def test_deletes_what_belongs_to_the_project():
    (HERE / "data" / "fares.txt").unlink(missing_ok=True)


def test_overwrites_a_test():
    with (HERE / "test_b_reads.py").open("a", encoding="utf-8") as stream:
        stream.write("\ndef test_more(): pass\n")
    (HERE / "data").chmod(0o700)
    (HERE / "left.txt").write_text("left", encoding="utf-8")
    Path(os.environ["HOME"], ".tool").write_text("left", encoding="utf-8")


def test_writes_beside_a_library():
    """It is imported from a place that names the project by its whole path, as an editable installation does."""
    import library

    Path(library.__file__).with_name("written.txt").write_text("written", encoding="utf-8")


def test_sticks():
    import state

    state.stuck = True
