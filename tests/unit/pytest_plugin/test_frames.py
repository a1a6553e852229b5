"""How files are named in reports."""

from __future__ import annotations

from pathlib import Path

from isolane.pytest_plugin.state.frames import Frames


def test_a_file_of_the_original_is_named_as_its_copy_is(tmp_path: Path) -> None:
    copy, original, other = tmp_path / "copy", tmp_path / "original", tmp_path / "other" / "fares.py"
    frames = Frames(copy, original)
    assert frames.told(str(copy / "tests" / "test_fares.py")) == "tests/test_fares.py"
    assert frames.told(str(original / "tests" / "test_fares.py")) == "tests/test_fares.py"
    assert frames.told(str(other)) == str(other)
