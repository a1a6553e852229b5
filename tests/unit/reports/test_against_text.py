"""This checkout against another revision, in words."""

from __future__ import annotations

from isolane.model.measurements import AgainstResult, AgainstRow
from isolane.reports.against_text import against_lines


def test_a_row_a_worker_count_each_with_a_verdict() -> None:
    rows = (
        AgainstRow(0, 10.0, 12.5, (0.75, 0.8, 0.85), "faster"),
        AgainstRow(4, 4.0, 4.0, (0.9, 1.0, 1.1), "no difference"),
    )
    result = AgainstResult("main", "0123456789abcdef", 40, 38, 5, 0.05, rows)
    assert list(against_lines(result)) == [
        "40 tests (38 there: the two are not the same work), 5 pairs against main (0123456789ab); "
        "differences under 5% are none",
        "workers       here      there  here / there    95 % interval  verdict",
        " serial     10.0 s     12.5 s          0.80     0.75 to 0.85  faster",
        "      4     4.00 s     4.00 s          1.00     0.90 to 1.10  no difference",
    ]
