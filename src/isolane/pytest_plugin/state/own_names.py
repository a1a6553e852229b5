"""What a fixture may leave among the names of its own class or module: tests that see it have the fixture, too.

``cls.client = Client()`` in ``setUpClass`` is how unittest hands on what was set up; nobody deletes it afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.kinds import OF_PROJECT

_OF_MODULES = "_xunit_setup_module_fixture_"
"""What pytest makes of ``setup_module``. A module's other fixtures are not for all of its tests."""


def is_of_module(change: Change, module: str) -> bool:
    """Whether a change is among a module's own names, which it has when it is imported, and not left behind."""
    return change.kind in OF_PROJECT and f"{change.name}.".startswith(f"{module}.")


def weigh(changes: Iterable[Change], name: str, request: pytest.FixtureRequest) -> list[Change]:
    """Return what a fixture has left, harmless where it is among its own names. name: the fixture's."""
    own: tuple[str, str] | None = None
    if request.scope == "class" and request.cls is not None:
        own = ("class_attributes", f"{request.cls.__module__}.{request.cls.__qualname__}.")
    elif request.scope == "module" and name.startswith(_OF_MODULES):
        own = ("module_globals", f"{request.module.__name__}.")
    return [
        replace(change, level=Level.HARMLESS)
        if own and change.kind == own[0] and change.name.startswith(own[1])
        else change
        for change in changes
    ]
