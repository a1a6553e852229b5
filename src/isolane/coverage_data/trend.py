"""Coverage over runs: ``trend.md``, a row a run, newest first."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from isolane.coverage_data.report import CoverageTotals
from isolane.model.errors import RecordError

KEEP = 200
_HEAD = (
    "# Coverage over runs",
    "",
    f"Merged data of workers, sessions and subprocesses; the newest run first, the last {KEEP} kept.",
    "",
    "| run (UTC) | revision | covered | lines | branches | data files |",
    "|---|---|---|---|---|---|",
)


def add_to_trend(path: Path, totals: CoverageTotals, *, now: float, revision: str | None, files: int) -> None:
    """Put a row on top of the table in ``path``, which is made if it is not there.

    now: seconds since the Unix epoch, UTC. files: how many data files were merged. Raises :class:`RecordError`.
    """
    moment = datetime.fromtimestamp(now, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    row = (
        f"| {moment} | {(revision or 'none')[:12]} | {totals.percent:.2f} % "
        f"| {totals.covered_lines} of {totals.lines} | {totals.covered_branches} of {totals.branches} | {files} |"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        earlier = _rows(path.read_text(encoding="utf-8")) if path.is_file() else []
        scratch = path.with_name(f".{path.name}.new")
        scratch.write_text("\n".join([*_HEAD, row, *earlier][: len(_HEAD) + KEEP]) + "\n", encoding="utf-8")
        scratch.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError("trend-not-kept", f"{path} could not be written: {error}") from None


def _rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("| ") and line not in _HEAD]
