"""Findings as SARIF 2.1.0, within what GitHub's code scanning takes.

GitHub refuses a file of over 10 MB packed, keeps 5,000 results of a run, the worst first, and cuts what describes a
rule at 1,024 characters. It wants a place with all four corners for each result, and asks for fingerprints by which a
result is known again after lines have moved; its upload action adds one of its own, made of the line's text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from isolane import __version__
from isolane.reports.characters import cut, writable
from isolane.reports.findings import Remark, Rule, distinct
from isolane.reports.places import Place

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "isolaneFinding/v1"
MOST_RESULTS = 5_000
_LONGEST_MESSAGE = 1_000
_MOST_RELATED = 10


def sarif_log(remarks: Iterable[Remark], *, whole: bool) -> dict[str, Any]:
    """Return the document. whole: whether what was looked at had come to its end.

    Remarks with the same fingerprint are one result; the first of the worst stays. Those over :data:`MOST_RESULTS`
    are left out, and the run's properties say how many.
    """
    kept = distinct(remarks)
    shown = kept[:MOST_RESULTS]
    rules = {one.rule.id: one.rule for one in shown}
    places = {name: number for number, name in enumerate(rules)}
    driver = {"name": "isolane", "version": __version__, "rules": [_rule(one) for one in rules.values()]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "isolane/"},
        "invocations": [{"executionSuccessful": whole}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, places[one.rule.id]) for one in shown],
    }
    if len(kept) > len(shown):
        run["properties"] = {"leftOut": len(kept) - len(shown)}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "shortDescription": {"text": rule.short},
        "fullDescription": {"text": rule.full},
        "help": {"text": rule.help},
        "properties": {"tags": ["test-isolation"], "precision": "high"},
    }


def _result(remark: Remark, rule: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": remark.rule.id,
        "ruleIndex": rule,
        "level": remark.weight.value,
        "message": {"text": cut(writable(remark.message), _LONGEST_MESSAGE)},
        "locations": [_location(remark.place)],
        "partialFingerprints": {FINGERPRINT: remark.fingerprint},
    }
    if remark.related:
        found["relatedLocations"] = [
            {"id": number, **_location(place), "message": {"text": cut(writable(text), _LONGEST_MESSAGE)}}
            for number, (text, place) in enumerate(remark.related[:_MOST_RELATED])
        ]
    return found


def _location(place: Place) -> dict[str, Any]:
    uri = quote(place.file.encode("utf-8", "surrogateescape"))
    region = {"startLine": place.line, "startColumn": 1, "endLine": place.line, "endColumn": place.width + 1}
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}
