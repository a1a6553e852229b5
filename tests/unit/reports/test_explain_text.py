"""What is said of a test's leaks and the lines to blame."""

from __future__ import annotations

import json

from isolane.model.explanation import Blame, Explained, Explanation, Frame
from isolane.model.state import Change, Leak
from isolane.reports.explain_text import explanation_lines

TEST = "tests/test_shop.py::test_price"
FRAMES = (
    Frame("tests/test_shop.py", 12, "test_price", True, 'shop.configure("k")'),
    Frame("shop.py", 9, "configure", True, 'os.environ["SHOP_KEY"] = value'),
    Frame("os.py", 684, "_Environ.__setitem__", False, "putenv(key, value)"),
)


def explained(*leaks: Explained, traced: str = "passed", harmless: int = 0) -> Explanation:
    return Explanation(TEST, "passed", traced, leaks, harmless, "RUN")


def leak(owner: str = TEST, *, blame: Blame | None = None, at_import: bool = False) -> Explained:
    return Explained(Leak(owner, Change("env", "SHOP_KEY", None, "k")), at_import, blame)


def text(found: Explanation) -> str:
    return "\n".join(explanation_lines(found))


def test_the_line_its_text_and_the_calls() -> None:
    assert list(explanation_lines(explained(leak(blame=Blame(FRAMES, FRAMES))))) == [
        f"{TEST} (passed) leaves 1 change behind:",
        "",
        "1. env SHOP_KEY (dangerous)",
        "   (not there) → 'k'",
        "   shop.py:9",
        '       os.environ["SHOP_KEY"] = value',
        "   called from the outermost down:",
        "     tests/test_shop.py:12  test_price",
        "   > shop.py:9              configure",
        "     os.py:684              _Environ.__setitem__",
    ]


def test_long_ways_through_a_library_are_cut() -> None:
    between, below = (
        [Frame(f"lib/{name}.py", number, "run", False) for number in range(5)] for name in ("engine", "end")
    )
    stack = (FRAMES[0], *between, FRAMES[1], *below)

    lines = list(explanation_lines(explained(leak(blame=Blame(stack, stack)))))

    assert [line.split()[0] for line in lines[lines.index("   called from the outermost down:") + 1 :]] == [
        "tests/test_shop.py:12",
        "…",
        "lib/engine.py:4",
        ">",
        *(f"lib/end.py:{number}" for number in range(5)),
    ]
    assert "     … 4 calls in libraries" in lines


def test_who_left_it_where_that_is_not_the_test() -> None:
    found = explained(
        leak("fixture key of tests", blame=Blame(FRAMES[1:2], FRAMES[1:2])),
        leak("module conftest.py", blame=Blame(FRAMES[1:2], FRAMES[1:2]), at_import=True),
    )

    assert "   left by fixture key of tests\n" in text(found)
    before, _, after = text(found).partition("imported to collect it leave 1 change")
    assert "module conftest.py" not in before
    assert "   left by module conftest.py" in after


def test_the_last_change_where_that_is_another_line() -> None:
    found = text(explained(leak(blame=Blame(FRAMES[1:2], FRAMES[:1]))))

    assert found.endswith('   changed for the last time at tests/test_shop.py:12\n       shop.configure("k")')


def test_nothing_is_said_so() -> None:
    assert text(explained()) == f"{TEST} (passed) leaves nothing behind."
    assert "(2 changes harmless)" in text(explained(harmless=2))


def test_what_was_not_seen_and_what_ended_otherwise_is_said() -> None:
    found = text(explained(leak(), traced="failed (Timeout)"))

    assert "No line was seen to change it" in found
    assert "Under tracing the test ended otherwise: failed (Timeout)." in found
    assert max(map(len, found.splitlines())) <= 80


def test_plain_data_and_back() -> None:
    one = leak(blame=Blame(FRAMES, FRAMES[:1]))

    assert Explained.from_plain(json.loads(json.dumps(one.to_plain()))) == one
    assert Explained.from_plain(json.loads(json.dumps(leak().to_plain()))) == leak()
    (told,) = explained(one).as_data()["leaks"]
    assert (told["line"]["file"], told["line"]["line"], told["last_line"]["line"]) == ("shop.py", 9, 12)
