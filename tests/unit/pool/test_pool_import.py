from __future__ import annotations

import subprocess
import sys

import pytest


def imported_by(program: str) -> set[str]:
    shown = f"import sys; before = set(sys.modules); {program}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_plugin_imports_nothing_of_it() -> None:
    loaded = imported_by("import isolane.pytest_plugin.plugin, isolane.pytest_plugin.pool_fixtures")

    assert "isolane.pytest_plugin.pool_fixtures" in loaded
    assert not [name for name in loaded if name.startswith("isolane.pool")]


@pytest.mark.parametrize("name", ["PooledExecutor", "RowContext"])
def test_a_pool_of_threads_imports_neither_asyncio_nor_sqlite3(name: str) -> None:
    assert not {"asyncio", "sqlite3"} & imported_by(f"from isolane.pool import {name}")
