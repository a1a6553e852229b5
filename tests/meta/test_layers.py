"""Dependencies between the rooms run one way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
LINT_IMPORTS = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"


def test_import_linter_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kept, 0 broken" in done.stdout


def test_noxkit_is_imported_where_nothing_but_nox_is_installed() -> None:
    """A bare nox loads a noxfile: of isolane it may only see noxkit."""
    program = (
        "import sys; sys.path.insert(0, 'src'); import isolane.noxkit; "
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in ('isolane', 'pytest', 'xdist')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True)

    loaded = done.stdout.split()
    assert [name for name in loaded if not name.startswith("isolane.noxkit")] == ["isolane"]
