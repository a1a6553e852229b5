"""The JUnit file of a run over workers: what they added to it, and its order."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
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


class _Noted(list[Any]):
    """The list of test cases, with the test of each noted: pytest empties them when their test is over."""

    def __init__(self, before: list[Any]) -> None:
        super().__init__(before)
        self.node_ids = [""] * len(before)

    def append(self, reporter: Any) -> None:
        super().append(reporter)
        self.node_ids.append(str(reporter.id))


@contextlib.contextmanager
def in_order_of_collection(config: pytest.Config, node_ids: Sequence[str]) -> Iterator[None]:
    """Put the test cases that are added inside in the order of collection, whichever worker was first."""
    xml = suite_xml(config)
    if xml is None:
        yield
        return
    noted = xml.node_reporters_ordered = _Noted(xml.node_reporters_ordered)
    try:
        yield
    finally:
        place = {node_id: position for position, node_id in enumerate(node_ids)}
        before = {"": -1}  # what was there before the first test: errors of the collection
        keyed = zip(noted.node_ids, noted, strict=True)
        ordered = sorted(keyed, key=lambda one: before.get(one[0], place.get(one[0], len(place))))
        xml.node_reporters_ordered = [reporter for _, reporter in ordered]
