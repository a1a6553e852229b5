"""The version of a dictionary is a new one after each change, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isolane.process_state.dict_version import version_of

STEPS = st.tuples(st.sampled_from(["set", "pop", "get", "update", "clear"]), st.sampled_from("abc"), st.integers(0, 3))


@pytest.mark.skipif(version_of is None, reason="dictionaries have no versions in this Python")
@given(start=st.dictionaries(st.sampled_from("abc"), st.integers()), steps=st.lists(STEPS))
def test_whatever_changes_a_dictionary_changes_its_version(start: dict[str, Any], steps: list[tuple]) -> None:
    assert version_of is not None
    seen: dict[bytes, dict[str, Any]] = {version_of(start): dict(start)}
    for verb, key, value in steps:
        match verb:
            case "set":
                start[key] = value
            case "pop":
                start.pop(key, None)
            case "get":
                start.get(key)
            case "update":
                start.update({key: value})
            case "clear":
                start.clear()
        assert seen.setdefault(version_of(start), dict(start)) == start
