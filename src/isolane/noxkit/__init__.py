"""Nox sessions for any project: the six families of test sessions, and the environment that they share.

Imports nothing of isolane but this package: a noxfile is run by nox's interpreter, which has none of the
project's dependencies.
"""

from __future__ import annotations

from isolane.noxkit.axes import AxisError, Variant
from isolane.noxkit.families import FAMILIES, Family
from isolane.noxkit.programs import Programs
from isolane.noxkit.suite import Suite, define_sessions, set_options

__all__ = [
    "FAMILIES",
    "AxisError",
    "Family",
    "Programs",
    "Suite",
    "Variant",
    "define_sessions",
    "set_options",
]
