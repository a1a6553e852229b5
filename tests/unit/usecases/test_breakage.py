"""Which line of pytest's output says why it failed."""

from __future__ import annotations

import pytest

from isolane.model.errors import ExitCode
from isolane.usecases.breakage import last_error

USAGE = """\
ERROR: usage: python -m pytest [options] [file_or_dir] [file_or_dir] [...]
python -m pytest: error: unrecognized arguments: --no-such-option
  inifile: /project/pytest.ini
  rootdir: /project
"""


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        (USAGE, ExitCode.USAGE_ERROR, "unrecognized arguments: --no-such-option"),
        ("ERROR: file or directory not found: nope\n\n", ExitCode.USAGE_ERROR, "file or directory not found: nope"),
        ("INTERNALERROR> x\nINTERNALERROR> KeyError: 1\nbye\n", ExitCode.INTERNAL_ERROR, "KeyError: 1"),
        ("!!!!! KeyboardInterrupt !!!!!\nbye\n", ExitCode.INTERRUPTED, "KeyboardInterrupt"),
        ("first\nThe last line.\n", ExitCode.FAILED, "The last line"),
        ("", ExitCode.FAILED, "it said nothing"),
        ("x" * 5000, ExitCode.FAILED, "x" * 300 + "…"),
        ("E   " + "x" * 5000, ExitCode.FAILED, "x" * 300 + "…"),
    ],
    ids=["usage", "no file", "internal", "interrupted", "last line", "nothing", "at length", "an error at length"],
)
def test_the_line_that_says_most(output: str, code: ExitCode, said: str) -> None:
    assert last_error(output, code) == said
