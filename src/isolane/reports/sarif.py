"""Findings as SARIF 2.1.0, within what GitHub's code scanning takes.

GitHub refuses a file of over 10 MB packed, keeps 5,000 results of a run, the worst first, and cuts what describes a
rule at 1,024 characters. It wants a place with all four corners for each result, and asks for fingerprints by which a
result is known again after lines have moved; its upload action adds one of its own, made of the line's text.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from isolane import __version__
from isolane.reports.characters import cut, writable
from isolane.reports.findings import Remark, Rule, Weight
from isolane.reports.places import Place

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
FINGERPRINT = "isolaneFinding/v1"
MOST_RESULTS = 5_000
_LONGEST_MESSAGE = 1_000
_MOST_RELATED = 10
_WEIGHTS = list(Weight)


def sarif_log(remarks: Iterable[Remark], *, whole: bool) -> dict[str, Any]:
    """Return the document. whole: whether what was looked at had come to its end.

    Remarks with the same fingerprint are one result; the first of the worst stays. Those over :data:`MOST_RESULTS`
    are left out, and the run's properties say how many.
    """
    kept: dict[str, Remark] = {}
    for one in sorted(remarks, key=lambda one: (_WEIGHTS.index(one.weight), one.place.file, one.place.line, one.key)):
        kept.setdefault(_fingerprint(one), one)
    shown = list(kept.items())[:MOST_RESULTS]
    rules = {one.rule.id: one.rule for _, one in shown}
    places = {name: number for number, name in enumerate(rules)}
    driver = {"name": "isolane", "version": __version__, "rules": [_rule(one) for one in rules.values()]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "automationDetails": {"id": "isolane/"},
        "invocations": [{"executionSuccessful": whole}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(mark, one, places[one.rule.id]) for mark, one in shown],
    }
    if len(kept) > len(shown):
        run["properties"] = {"leftOut": len(kept) - len(shown)}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _fingerprint(remark: Remark) -> str:
    text = "\0".join((remark.rule.id, *remark.key))
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": "".join(word.capitalize() for word in rule.id.split("-")),
        "shortDescription": {"text": rule.short},
        "fullDescription": {"text": rule.full},
        "help": {"text": rule.help},
        "properties": {"tags": ["test-isolation"], "precision": "high"},
    }


def _result(fingerprint: str, remark: Remark, rule: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "ruleId": remark.rule.id,
        "ruleIndex": rule,
        "level": remark.weight.value,
        "message": {"text": cut(writable(remark.message), _LONGEST_MESSAGE)},
        "locations": [_location(remark.place)],
        "partialFingerprints": {FINGERPRINT: fingerprint},
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
