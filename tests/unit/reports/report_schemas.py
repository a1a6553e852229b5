"""What reports are held against: tests/schemas/README.md says what each of them is."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

_HERE = Path(__file__).parents[2] / "schemas"


@cache
def junit_schema() -> xmlschema.XMLSchema:
    """The elements and attributes of JUnit XML that isolane writes."""
    return xmlschema.XMLSchema(_HERE / "junit.xsd")


def json_schema(name: str) -> Any:
    """The validator of ``ctrf`` or ``sarif``; skips, or in CI fails, where the latter was not fetched."""
    path = _HERE / "ctrf.json" if name == "ctrf" else _fetched() / "sarif-schema-2.1.0.json"
    if not path.is_file():
        end = pytest.fail if os.environ.get("ISOLANE_REQUIRE_SERVICES") == "on" else pytest.skip
        end("The schema of SARIF is not here. Run tests/schemas/fetch.")
    return _validator(path)


def _fetched() -> Path:
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("ISOLANE_SCHEMAS") or Path(cache_home, "isolane", "schemas"))


@cache
def _validator(path: Path) -> Any:
    schema = json.loads(path.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    return validator(schema, format_checker=validator.FORMAT_CHECKER)
