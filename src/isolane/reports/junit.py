"""A run as JUnit XML, in the form that pytest writes itself: Jenkins' schema, one suite, Codecov and GitLab read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from hashlib import sha256
from xml.sax.saxutils import escape, quoteattr

from isolane.model.outcome import Category
from isolane.reports.cases import Case, Cases, name_of, suite_of
from isolane.reports.characters import cut

_LONGEST_NAME = 600
_LONGEST_CLASS = 300
"""In bytes: Codecov refuses a whole file for one name of over 1,000, and joins the two."""
_LONGEST_TEXT = 4_000
_FAILURES = frozenset({Category.FAILED})
_ERRORS = frozenset({Category.SETUP_ERROR, Category.TEARDOWN_ERROR, Category.CRASHED, Category.HUNG})
_SKIPS = frozenset({Category.SKIPPED, Category.XFAILED})
_ILLEGAL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 does not allow, and the control characters that it advises against."""


def junit_xml(run: Cases) -> str:
    """Return the document, in ASCII: characters beyond it are references.

    Tests that did not run are left out, as pytest leaves them out. A file that could not be collected is an error.
    """
    text = "\n".join(_lines(run)) + "\n"
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _lines(run: Cases) -> Iterator[str]:
    tests = [one for one in run.tests if one.outcome.category is not Category.MISSING]
    categories = [one.outcome.category for one in tests]
    failures = sum(one in _FAILURES for one in categories)
    errors = sum(one in _ERRORS for one in categories) + len(run.collection_failures)
    counts = f'tests="{len(tests) + len(run.collection_failures)}" failures="{failures}" errors="{errors}"'
    seconds = f'time="{max(0.0, run.ended - run.began):.3f}"'
    skipped = sum(one in _SKIPS for one in categories)
    timestamp = datetime.fromtimestamp(run.began, tz=timezone.utc).isoformat()
    yield '<?xml version="1.0" encoding="utf-8"?>'
    # Codecov knows pytest's tests by these two names.
    yield f'<testsuites name="pytest tests" {counts} {seconds}>'
    yield f'<testsuite name="pytest" {counts} skipped="{skipped}" {seconds} timestamp="{timestamp}">'
    if run.facts:
        yield "<properties>"
        for name, value in run.facts.items():
            yield f"<property name={_quoted(f'isolane.{name}')} value={_quoted(value)}/>"
        yield "</properties>"
    for failure in run.collection_failures:
        yield f"<testcase {_names(failure.node_id)}>"
        yield _element("error", "CollectionError", failure.message)
        yield "</testcase>"
    for one in tests:
        inside = list(_inside(one, run.location(one)))
        head = f'<testcase {_names(one.node_id)} time="{one.seconds:.3f}"'
        yield from ([f"{head}>", *inside, "</testcase>"] if inside else [f"{head}/>"])
    said = [*filter(None, [run.trouble]), *(f"{one.worker}: {one.reason}" for one in run.record.lost_workers)]
    if said:
        yield f"<system-err>{_text(chr(10).join(said))}</system-err>"
    yield "</testsuite>"
    yield "</testsuites>"


def _inside(case: Case, location: str) -> Iterator[str]:
    """Yield the elements of a test."""
    category, detail = case.outcome.category, case.outcome.detail
    if category in _FAILURES or category in _ERRORS:
        tag = "failure" if category in _FAILURES else "error"
        text = "\n".join(filter(None, [case.message, location]))
        yield _element(tag, detail or category.value, case.message or category.value, text)
    elif category in _SKIPS:
        yield _element("skipped", f"pytest.{'xfail' if category is Category.XFAILED else 'skip'}", detail)
    for message in case.earlier:
        yield _element("flakyFailure" if case.is_flaky else "rerunFailure", "rerun", message)


def _names(node_id: str) -> str:
    """Return the two attributes that name a test, as pytest writes them."""
    suite: Sequence[str] = suite_of(node_id)
    name = name_of(node_id)
    dotted = suite[0].removesuffix(".py").replace("/", ".")
    if name == suite[0]:  # a file
        return f'classname="" name={_quoted(_short(dotted, _LONGEST_NAME))}'
    classname = ".".join([dotted, *suite[1:]])
    return f"classname={_quoted(_short(classname, _LONGEST_CLASS))} name={_quoted(_short(name, _LONGEST_NAME))}"


def _element(tag: str, kind: str, message: str, text: str = "") -> str:
    # Never an empty element: Codecov's reader took a test with one for passed, up to version 0.6.
    return f"<{tag} type={_quoted(kind)} message={_quoted(message)}>{_text(text or message or kind)}</{tag}>"


def _quoted(text: str) -> str:
    return quoteattr(_legal(text))


def _text(text: str) -> str:
    return escape(_legal(text), {"\r": "&#13;"})


def _legal(text: str) -> str:
    r"""Return text without what XML cannot hold: ``\x1b`` stands for that character, ``\udce9`` for a surrogate."""
    shown = _ILLEGAL.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
    return cut(shown, _LONGEST_TEXT)


def _short(text: str, most: int) -> str:
    """Return a name that takes at most so many bytes in the document, and still is no other test's."""
    if _bytes(text) <= most:
        return text
    mark = f"...{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"
    room, kept = most - len(mark), []
    for character in text:
        room -= _bytes(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def _bytes(text: str) -> int:
    return len(_quoted(text).encode("ascii", "xmlcharrefreplace")) - 2
