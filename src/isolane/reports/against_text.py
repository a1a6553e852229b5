"""This checkout against another revision, in words."""

from __future__ import annotations

from collections.abc import Iterator

from isolane.model.measurements import AgainstResult
from isolane.reports.figures import seconds_text


def against_lines(result: AgainstResult) -> Iterator[str]:
    """Yield a table, and a verdict a row."""
    other = (
        "" if result.their_tests == result.tests else f" ({result.their_tests} there: the two are not the same work)"
    )
    yield (
        f"{result.tests} tests{other}, {result.pairs} pairs against {result.revision} "
        f"({result.commit[:12]}); differences under {result.threshold:.0%} are none"
    )
    yield f"{'workers':>7} {'here':>10} {'there':>10} {'here / there':>13} {'95 % interval':>16}  verdict"
    for row in result.rows:
        low, middle, high = row.ratio
        yield (
            f"{row.workers or 'serial':>7} {seconds_text(row.seconds):>10} {seconds_text(row.their_seconds):>10} "
            f"{middle:>13.2f} {f'{low:.2f} to {high:.2f}':>16}  {row.verdict}"
        )
