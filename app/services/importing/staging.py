"""Where the rows of a file wait until they are posted: sorted, and out of memory.

SQLite keeps them in a private file that has no name and is gone with the process, however it ends.
"""

import sqlite3
from collections.abc import Iterator
from datetime import date

import orjson

from app.domain.errors import ErrorCode
from app.services.importing.records import Record
from app.services.importing.refusals import Refusal
from app.services.importing.rows import Row

_WAITING = 1_000

_TABLES = """
CREATE TABLE rows (line INTEGER PRIMARY KEY, code TEXT, dated TEXT, reference TEXT, fields BLOB);
CREATE TABLE customers (code TEXT PRIMARY KEY, line INTEGER, fields BLOB) WITHOUT ROWID;
CREATE TABLE tags (code TEXT, tag TEXT, line INTEGER, PRIMARY KEY (code, tag)) WITHOUT ROWID;
"""
# A line of the same customer and reference before this one: this one is the second.
_REPEATED = """
SELECT line, first FROM (
    SELECT line, reference, min(line) OVER (PARTITION BY code, reference) AS first FROM rows
) WHERE reference IS NOT NULL AND line > first ORDER BY line
"""


class Staging:
    """The good rows of one file. Closed by whoever opened it."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary file: unlinked as soon as it is open.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")
        self._rows: list[tuple[int, str, str | None, str | None, bytes]] = []
        self._customers: list[tuple[str, int, bytes]] = []
        self._tags: list[tuple[str, str, int]] = []
        self._months: set[date] = set()

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add(self, row: Row, record: Record) -> None:
        """Keep a row. The first row of a customer describes it, all of them give it their tags."""
        code, invoice = row.customer.code, row.invoice
        fields = orjson.dumps(record.fields)
        self._rows.append(
            (
                row.line,
                code,
                None if invoice is None else invoice.on.isoformat(),
                None if invoice is None else invoice.reference,
                fields,
            )
        )
        self._customers.append((code, row.line, fields))
        self._tags.extend((code, tag, row.line) for tag in row.tags)
        for entry in (invoice, row.settlement):
            if entry is not None:
                self._months.add(entry.on.replace(day=1))
        if len(self._rows) >= _WAITING:
            self._flush()

    def finish(self) -> Iterator[Refusal]:
        """Complete the staging, to the last refusal: rows that repeat a reference are out again."""
        self._flush()
        for line, first in self._database.execute(_REPEATED):
            yield Refusal(
                line=line,
                column="",
                code=ErrorCode.VALIDATION,
                reason=f"Line {first} has the same customer and reference.",
            )
        self._database.execute(f"DELETE FROM rows WHERE line IN (SELECT line FROM ({_REPEATED}))")  # noqa: S608 - ours
        self._database.execute("CREATE INDEX in_order ON rows (code, dated, line)")

    @property
    def months(self) -> list[date]:
        """The first day of every month that something is dated in."""
        return sorted(self._months)

    def count(self) -> int:
        """How many rows there are."""
        counted: int = self._database.execute("SELECT count(*) FROM rows").fetchone()[0]
        return counted

    def rows(self) -> Iterator[Record]:
        """Every row, by customer, then by the date of its invoice, then as in the file."""
        found = self._database.execute("SELECT line, fields FROM rows ORDER BY code, dated, line")
        for line, fields in found:
            yield Record(line, orjson.loads(fields))

    def customer(self, code: str) -> tuple[Record, tuple[str, ...]]:
        """The record that describes a customer, and the tags of all its rows."""
        line, fields = self._database.execute(
            "SELECT line, fields FROM customers WHERE code = ?", (code,)
        ).fetchone()
        tags = self._database.execute(
            "SELECT tag FROM tags WHERE code = ? ORDER BY line, tag", (code,)
        )
        return Record(line, orjson.loads(fields)), tuple(tag for (tag,) in tags)

    def _flush(self) -> None:
        database = self._database
        database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", self._rows)
        database.executemany("INSERT OR IGNORE INTO customers VALUES (?, ?, ?)", self._customers)
        database.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", self._tags)
        for waiting in (self._rows, self._customers, self._tags):
            waiting.clear()
