"""What ``isolane`` shows to the world, and that it is light to import."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import isolane

PACKAGES = ["isolane", *(one.name for one in pkgutil.walk_packages(isolane.__path__, "isolane.") if one.ispkg)]


@pytest.mark.parametrize("name", isolane.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(isolane, name)

    assert name == "__version__" or inspect.getdoc(value)
    assert name in dir(isolane)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_lists_is_there(package: str) -> None:
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", [])

    assert len(set(listed)) == len(listed)
    assert [name for name in listed if not hasattr(module, name)] == []
    assert module.__doc__


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'secret'"):
        _ = isolane.secret  # type: ignore[attr-defined]


def test_importing_isolane_imports_nothing_else_of_it() -> None:
    program = "import sys, isolane; print(*sorted(name for name in sys.modules if name.startswith('isolane')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["isolane"]
