"""The JUnit file of a run over workers: what they added to it, and its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest


def suite_xml(config: pytest.Config) -> Any:
    """Return what collects the JUnit file, None where none is asked for."""
    from _pytest.junitxml import xml_key

    return config.stash.get(xml_key, None)


def add_suite_properties(config: pytest.Config, properties: Sequence[tuple[str, str]]) -> None:
    """Add what a worker recorded; each worker's session fixture records the same, which is then there once."""
    xml = suite_xml(config)
    if xml is None:
        return
    for name, value in properties:
        if (name, value) not in xml.global_properties:
            xml.add_global_property(name, value)


def order_test_cases(config: pytest.Config, node_ids: Sequence[str]) -> None:
    """Put the test cases in the order of collection, whichever worker was first."""
    xml = suite_xml(config)
    if xml is None:
        return
    place = {node_id: position for position, node_id in enumerate(node_ids)}
    last = len(place)
    xml.node_reporters_ordered.sort(key=lambda reporter: place.get(str(reporter.id), last))
