"""isolane: run a pytest suite in parallel, each worker in a lane of its own, and prove the result.

The public names are looked up when they are first used, so that ``import isolane`` costs nothing in a
test run that needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "IsolaneError": "isolane.model.errors",
    "Outcome": "isolane.model.outcome",
    "RunPlan": "isolane.model.plan",
    "Clock": "isolane.model.clock",
    "FakeClock": "isolane.model.clock",
}

__all__ = ["Clock", "FakeClock", "IsolaneError", "Outcome", "RunPlan", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'isolane' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
