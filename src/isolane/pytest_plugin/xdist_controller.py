"""What isolane tells xdist's workers."""

from __future__ import annotations

from typing import Any

import pytest


class XdistController:
    """Hands each worker the choices that were made in the controller, so that all collect in the same order."""

    def __init__(self, choices: dict[str, Any]) -> None:
        self._choices = choices

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Add to what xdist sends along."""
        node.workerinput["isolane"] = self._choices
