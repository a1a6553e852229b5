"""Runs that look closer than others: those of ``isolane explain``, ``isolane map``, ``hunt`` and ``stress``."""

from __future__ import annotations

import pytest

from isolane.model.plan import Handover


def start_probe(config: pytest.Config, handover: Handover) -> None:
    """Begin, before any conftest is imported."""
    if handover.probe[0] == "explain":
        from isolane.pytest_plugin.state.explaining import start_explaining

        start_explaining(config, handover)
    elif handover.probe[0] == "hunt":
        from isolane.pytest_plugin.hunt.hunting import start_hunting

        start_hunting(config, handover)
    elif handover.probe[0] == "probe":
        from isolane.pytest_plugin.hunt.fresh_probe import start_fresh_probe

        start_fresh_probe(config, handover)
    elif handover.probe[0] == "stress":
        from isolane.pytest_plugin.stress.stressing import start_stressing

        start_stressing(config, handover)
    else:
        from isolane.pytest_plugin.state.touching import start_mapping

        start_mapping(config, handover)


def register_probe(config: pytest.Config, handover: Handover) -> None:
    """Register what looks after the tests, once everything is configured."""
    if handover.probe[0] == "explain":
        from isolane.pytest_plugin.state.explaining import register_finder

        register_finder(config, handover)
    elif handover.probe[0] in ("hunt", "probe"):
        # A part of the suite, or none of it, is no report's, and nobody is there for a debugger.
        for name in ("xmlpath", "htmlpath", "report_log", "usepdb"):
            if getattr(config.option, name, None):
                setattr(config.option, name, None)
