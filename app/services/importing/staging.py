"""Where the rows of a file wait until they are posted: sorted, and out of memory.

SQLite keeps them in a private file that has no name and is gone with the process, however it ends.
"""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import orjson

from app.domain.errors import ErrorCode
from app.services.importing.contradictions import (
    contradicting_customers,
    repeated_invoices,
    repeated_payments,
)
from app.services.importing.records import Record
from app.services.importing.refusals import Refusal
from app.services.importing.rows import Row

_WAITING = 1_000

# What a row is sorted by: `dated`, then `beside`, a line. A payment goes with its invoice, so that
# both come in at once where they can.
_TABLES = """
CREATE TABLE rows (
    line INTEGER PRIMARY KEY, code TEXT, dated TEXT, beside INTEGER,
    invoice TEXT, payment TEXT, settles TEXT, fields BLOB
);
CREATE TABLE customers (
    code TEXT, described BLOB, line INTEGER, fields BLOB, PRIMARY KEY (code, described)
) WITHOUT ROWID;
CREATE TABLE refused (line INTEGER PRIMARY KEY, "column" TEXT, reason TEXT);
CREATE TABLE tags (code TEXT, tag TEXT, line INTEGER, PRIMARY KEY (code, tag)) WITHOUT ROWID;
"""
_PUT_BESIDE = """
UPDATE rows SET dated = of.dated, beside = of.beside FROM (
    SELECT line, first_value(dated) OVER same AS dated, first_value(line) OVER same AS beside
    FROM rows WINDOW same AS (PARTITION BY code, settles ORDER BY invoice IS NULL, dated, line)
) AS of WHERE rows.line = of.line AND invoice IS NULL AND settles IS NOT NULL
"""


class Staging:
    """The good rows of one file. Closed by whoever opened it."""

    def __init__(self) -> None:
        # An empty name is SQLite's own temporary file: unlinked as soon as it is open.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_TABLES)
        self._database.execute("BEGIN")
        self._rows: list[tuple[Any, ...]] = []
        self._customers: list[tuple[Any, ...]] = []
        self._tags: list[tuple[str, str, int]] = []
        self._months: set[date] = set()
        self._has_payments = False

    def close(self) -> None:
        """Forget everything."""
        self._database.close()

    def add(self, row: Row, record: Record) -> None:
        """Keep a row, and what it says of its customer. All rows give the customer their tags."""
        entry, fields = row.invoice or row.settlement, orjson.dumps(record.fields)
        self._rows.append(
            (
                row.line,
                row.code,
                None if entry is None else entry.on.isoformat(),
                row.line,
                None if row.invoice is None else row.invoice.reference,
                None if row.settlement is None else row.settlement.reference,
                row.concerns,
                fields,
            )
        )
        if row.customer is not None:
            self._customers.append((row.code, row.described, row.line, fields))
        self._tags.extend((row.code, tag, row.line) for tag in row.tags)
        self._has_payments |= row.is_payment
        for each in (row.invoice, row.settlement):
            if each is not None:
                self._months.add(each.on.replace(day=1))
        if len(self._rows) >= _WAITING:
            self._flush()

    def finish(self, column_of: Callable[[str], str]) -> Iterator[Refusal]:
        """Complete the staging, to the last refusal: rows that contradict others are out again.

        `column_of` names the column of a customer's key.
        """
        self._flush()
        if self._has_payments:
            self._database.execute(_PUT_BESIDE)
        self._database.execute("CREATE INDEX in_order ON rows (code, dated, beside, line)")
        if self._has_payments:
            self._put_out(repeated_payments(self._database))
        self._put_out(repeated_invoices(self._database))
        self._put_out(contradicting_customers(self._database, column_of))
        self._database.execute("DELETE FROM rows WHERE line IN (SELECT line FROM refused)")
        found = self._database.execute('SELECT line, "column", reason FROM refused ORDER BY line')
        for line, column, reason in found:
            yield Refusal(line=line, column=column, code=ErrorCode.VALIDATION, reason=reason)

    def _put_out(self, refusals: Iterator[Refusal]) -> None:
        """Remember why these rows are out, where nothing is known against them yet."""
        values = ((each.line, each.column, each.reason) for each in refusals)
        self._database.executemany("INSERT OR IGNORE INTO refused VALUES (?, ?, ?)", values)

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
        found = self._database.execute(
            "SELECT line, fields FROM rows ORDER BY code, dated, beside, line"
        )
        for line, fields in found:
            yield Record(line, orjson.loads(fields))

    def customer(self, code: str) -> tuple[list[Record], tuple[str, ...]]:
        """The records that describe a customer, each differently, and the tags of all its rows."""
        described = self._database.execute(
            "SELECT line, fields FROM customers WHERE code = ? ORDER BY line", (code,)
        )
        records = [Record(line, orjson.loads(fields)) for line, fields in described]
        tags = self._database.execute(
            "SELECT tag FROM tags WHERE code = ? ORDER BY line, tag", (code,)
        )
        return records, tuple(tag for (tag,) in tags)

    def _flush(self) -> None:
        database = self._database
        database.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", self._rows)
        database.executemany("INSERT OR IGNORE INTO customers VALUES (?, ?, ?, ?)", self._customers)
        database.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", self._tags)
        for waiting in (self._rows, self._customers, self._tags):
            waiting.clear()
