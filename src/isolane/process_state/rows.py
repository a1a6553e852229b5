"""Rows in the databases that a project has registered: which table has others than before."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError

if TYPE_CHECKING:  # It loads sqlite3, which is not for those who have no database.
    from isolane.process_state.databases import Database, Table, Tables

Place = tuple[str, str]
"""A database's name, and a table's."""
Rows = Mapping[Place, "Table"]


class RowsKind:
    """Compares tables by the number of their rows, and a checksum over them in whatever order."""

    name = "rows"

    def __init__(self, databases: Sequence[Database] = ()) -> None:
        self._databases = tuple(databases)
        self._known: dict[str, tuple[Hashable, Tables]] = {}
        self._rows: Rows = {}

    def snapshot(self) -> Rows:
        """Read the databases in which something may have happened; the very same mapping where nothing did."""
        moved = False
        for database in self._databases:
            known, tables = self._known.get(database.name, (None, {}))
            mark = database.mark()  # Before it is read: what happens meanwhile is seen the next time.
            if mark is None or mark != known:
                read = database.read()
                if read is None:
                    mark = None
                elif read != tables:
                    tables, moved = read, True
                self._known[database.name] = mark, tables
        if moved:
            self._rows = {
                (name, table): content for name, (_, tables) in self._known.items() for table, content in tables.items()
            }
        return self._rows

    def diff(self, before: Rows, after: Rows) -> list[Change]:
        """Return a change a table."""
        if before is after:
            return []
        return [
            Change(
                self.name,
                f"{place[0]} {place[1]}",
                _describe(old),
                _describe(new, old),
                Level.SUSPECT if old is None else Level.DANGEROUS,
            )
            for place in sorted({**before, **after})
            if (old := before.get(place)) != (new := after.get(place))
        ]

    def rebase(self, pending: Rows, before: Rows, after: Rows) -> Rows:
        """Let the tables that changed be as they are now."""
        if before is after:
            return pending
        changed = [place for place in {**before, **after} if before.get(place) != after.get(place)]
        kept = {place: table for place, table in pending.items() if place not in changed}
        return kept | {place: after[place] for place in changed if place in after}

    def restore(self, before: Rows) -> None:
        """Raise :class:`RestoreError` where rows are others: nobody has kept them."""
        differing = [change.name for change in self.diff(before, self.snapshot())]
        if differing:
            raise RestoreError(
                "rows-differ",
                f"rows cannot be had back: {', '.join(differing)}.",
                "Let the test work in a transaction, or on a copy: docs/services.md has fixtures.",
            )


def _describe(table: Table | None, old: Table | None = None) -> str | None:
    if table is None:
        return None
    content = table.content
    told = f"{content} row{'' if content == 1 else 's'}" if isinstance(content, int) else str(content)
    return f"{told}, other ones" if old is not None and old.content == content else told
