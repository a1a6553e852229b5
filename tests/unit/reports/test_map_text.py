"""What is said of what tests touch."""

from __future__ import annotations

from isolane.model.touch import Sort, TestTouches, Touch, TouchMap
from isolane.planning.conflicts import conflicts_among
from isolane.reports.map_text import map_lines

PORT = frozenset({Touch(Sort.PORT, "8080")})


def told(*tests: TestTouches, count: int = 5, failed: int = 0) -> list[str]:
    found = TouchMap(tests, frozenset(), conflicts_among(tests), failed, "RUN", count, ("what programs do",))
    return list(map_lines(found))


def test_who_touches_the_same_stands_together_and_gets_the_marker() -> None:
    assert told(*(TestTouches(name, PORT) for name in "ab")) == [
        "a",
        "b",
        "  binds port 8080",
        "",
        "3 of 5 tests touch nothing outside their process.",
        "",
        "port:8080: 1 pair must not run at the same time",
        '  @pytest.mark.isolane_resource("port:8080")',
        "    a",
        "    b",
        "",
        "Not seen: what programs do.",
    ]


def test_readers_get_the_shared_mode() -> None:
    reads, writes = (Touch(Sort.FILE, 'a"b', writes=writes) for writes in (False, True))
    lines = told(TestTouches("a", frozenset({reads})), TestTouches("b", frozenset({writes})))

    assert '  @pytest.mark.isolane_resource("file:a\\"b", mode="shared")' in lines
    assert {'  reads file a"b', '  writes file a"b'} <= set(lines)


def test_what_is_marked_is_said_to_be() -> None:
    resources = frozenset({("port:8080", True)})

    assert "    a  (marked already)" in told(TestTouches("a", PORT, resources), TestTouches("b", PORT))


def test_long_lists_are_cut_and_failures_told() -> None:
    lines = told(*(TestTouches(f"t{number}", PORT) for number in range(12)), count=12, failed=2)

    assert "… and 2 more, each of them" in lines
    assert "port:8080: 66 pairs must not run at the same time" in lines
    assert "    … and 2 more; --json lists them all" in lines
    assert "2 failed: what they would have touched else is not known." in lines


def test_no_conflict_is_said() -> None:
    assert "No two tests were seen to touch the same file, port or database." in told(TestTouches("a", PORT))
