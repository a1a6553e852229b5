"""The part of JSON Schema that docs/proof.schema.json uses; a keyword that is not known here is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_SAY_NOTHING = {"$schema", "$defs", "title", "description"}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield what is wrong with a value, each with its place; also every field that the schema does not name."""
    if "$ref" in schema:
        assert set(schema) == {"$ref"}
        yield from problems(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, path)
        return
    for keyword, rule in schema.items():
        if keyword == "type":
            names = rule if isinstance(rule, list) else [rule]
            if not any(_is_a(value, name) for name in names):
                yield f"{path}: {value!r} is no {' or '.join(names)}"
                return
        elif keyword == "const":
            if value != rule:
                yield f"{path}: {value!r} is not {rule!r}"
        elif keyword == "enum":
            if value not in rule:
                yield f"{path}: {value!r} is none of {rule!r}"
        elif keyword == "minimum":
            if value < rule:
                yield f"{path}: {value!r} is under {rule}"
        elif keyword in ("minLength", "minItems"):
            if len(value) < rule:
                yield f"{path}: {value!r} is shorter than {rule}"
        elif keyword == "maxItems":
            if len(value) > rule:
                yield f"{path}: {value!r} is longer than {rule}"
        elif keyword == "pattern":
            if not re.search(rule, value):
                yield f"{path}: {value!r} is not like {rule}"
        elif keyword == "required":
            yield from (f"{path}/{name} is missing" for name in rule if name not in value)
        elif keyword == "properties":
            for name, one in value.items():
                if name in rule:
                    yield from problems(one, rule[name], root, f"{path}/{name}")
                else:
                    yield f"{path}/{name} is not in the schema"
        elif keyword == "items":
            for number, one in enumerate(value):
                yield from problems(one, rule, root, f"{path}/{number}")
        elif keyword not in _SAY_NOTHING:
            raise NotImplementedError(f"{path}: {keyword}")


def _is_a(value: Any, name: str) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
