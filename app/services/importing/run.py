"""One import from beginning to end: read and judge every row, then post those that are good.

Restartable: what a killed import brought in is recognised, whatever the new run is called with.
"""

import asyncio
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from app.domain.errors import DomainError
from app.infra.database import Database, Rollback, Transaction
from app.policies.actor import Actor
from app.services import audit
from app.services.customers.create import CreateCustomer
from app.services.importing import present, years
from app.services.importing.chunks import chunks
from app.services.importing.mapping import ImportMapping
from app.services.importing.posting import Counts, Outcome, Poster
from app.services.importing.records import Record, Records
from app.services.importing.refusals import (
    AlreadyThere,
    ImportRefused,
    Refusal,
    RowRefused,
    UnusableFile,
)
from app.services.importing.row_reader import RowReader, customer_of
from app.services.importing.staging import Staging
from app.services.periods import every_period

_BREATH = 500
"""Rows read before others on the event loop get their turn."""


class Watcher(Protocol):
    """Told of what happens, as it happens."""

    def reading(self, bytes_read: int, rows: int) -> None:
        """So much of the file has been read and judged."""

    def posting(self, rows: int, of_rows: int) -> None:
        """So many of the good rows are dealt with."""

    def refused(self, refusal: Refusal) -> None:
        """A row stays out."""

    def there_already(self, found: AlreadyThere) -> None:
        """The books have all of a row."""


@dataclass(kw_only=True)
class Summary:
    """What an import did. `rows` counts all of the file but its header and blank rows.

    Those that the mapping says are neither invoices nor payments are `passed_over`.
    """

    rows: int = 0
    passed_over: int = 0
    refused: int = 0
    counts: Counts = field(default_factory=Counts)
    fiscal_years: int = 0


async def import_file(
    database: Database,
    actor: Actor,
    mapping: ImportMapping,
    path: Path,
    watcher: Watcher,
    *,
    is_dry_run: bool = False,
) -> Summary:
    """Import a file as this actor. Raises ImportRefused when it cannot be imported at all."""
    run = _Run(database, actor, mapping, watcher, is_dry_run=is_dry_run)
    with closing(Staging()) as staging:
        reader, digest = await run.read(path, staging)
        await run.post(reader, digest, staging)
    return run.summary


class _Run:
    def __init__(
        self,
        database: Database,
        actor: Actor,
        mapping: ImportMapping,
        watcher: Watcher,
        *,
        is_dry_run: bool,
    ) -> None:
        self._database = database
        self._actor = actor
        self._mapping = mapping
        self._watcher = watcher
        self._is_dry_run = is_dry_run
        self._last_made = ""
        self.summary = Summary()

    async def read(self, path: Path, staging: Staging) -> tuple[RowReader, str]:
        """Stage every row that is good so far; returns its reader and the digest of the file."""
        try:
            file = path.open("rb")
        except OSError as error:
            raise UnusableFile(f"{path}: {error.strerror}") from error
        with file:
            records = Records(file, self._mapping.file)
            reader = RowReader(self._mapping, self._header(records))
            for record in records:
                self.summary.rows += 1
                if isinstance(record, Refusal):
                    self._refuse(record)
                else:
                    self._stage(staging, reader, record)
                if self.summary.rows % _BREATH == 0:
                    self._watcher.reading(records.bytes_read, self.summary.rows)
                    await asyncio.sleep(0)
            self._watcher.reading(records.bytes_read, self.summary.rows)
            digest = records.digest
        for refusal in staging.finish(reader.column_of):
            self._refuse(refusal)
        return reader, digest

    def _stage(self, staging: Staging, reader: RowReader, record: Record) -> None:
        try:
            row = reader.read(record)
        except RowRefused as refused:
            self._refuse(refused.at(record.line))
            return
        if row is None:
            self.summary.passed_over += 1
        else:
            staging.add(row, record)

    async def post(self, reader: RowReader, digest: str, staging: Staging) -> None:
        """Post what is staged, chunk by chunk."""
        actor = replace(self._actor, request_id=f"import {digest[:12]}")
        poster = Poster(
            database=self._database,
            actor=actor,
            digests=(digest, self._mapping.digest),
            is_dry_run=self._is_dry_run,
        )
        missing = await self._open_years(actor, staging)
        if self._is_dry_run:
            poster = replace(poster, missing_years=missing)
        total, done = staging.count(), 0
        self._watcher.posting(done, total)
        rows = (row for row in map(reader.read, staging.rows()) if row is not None)
        for chunk in chunks(rows):
            codes = {row.code for row in chunk if row.customer is not None}
            described = {code: _described(reader, staging, code) for code in codes}
            outcome = await poster.bring_in(chunk, described)
            self._count(outcome)
            for refusal in sorted(outcome.refused, key=lambda it: it.line):
                self._refuse(refusal)
            for found in sorted(outcome.there, key=lambda it: it.line):
                self._watcher.there_already(found)
            done += len(chunk)
            self._watcher.posting(done, total)
        if not self._is_dry_run:
            await self._remember(actor, digest)

    def _header(self, records: Records) -> list[str]:
        """The names of the columns; those that the mapping reads are there once."""
        header, read = records.header, self._mapping.columns
        twice = [name for name in read if header.count(name) > 1]
        if twice:
            raise UnusableFile(f"The header names {', '.join(map(repr, twice))} twice.")
        missing = [name for name in read if name not in header]
        if missing:
            hint = " Its header is one column: is that file.delimiter?" if len(header) == 1 else ""
            raise UnusableFile(f"The file has no column {', '.join(map(repr, missing))}.{hint}")
        return header

    async def _open_years(self, actor: Actor, staging: Staging) -> tuple[date, ...]:
        """Open the fiscal years that are missing, and say which; in a dry run, only try to."""
        allowed, months = self._mapping.fiscal_years, staging.months

        async def work(tx: Transaction) -> tuple[date, ...]:
            await present.one_at_a_time(tx)
            missing = tuple(years.missing(months, await every_period(tx), allowed))
            await years.open_years(tx, actor, missing)
            if self._is_dry_run:
                raise Rollback(missing)
            return missing

        try:
            missing = await self._database.run(work)
        except DomainError as error:
            raise ImportRefused(f"The fiscal years cannot be opened: {error.message}") from error
        self.summary.fiscal_years = len(missing)
        return missing

    async def _remember(self, actor: Actor, digest: str) -> None:
        """One event for the whole import, beside those of each entry."""
        facts = {
            "fileSha256": digest,
            "mappingSha256": self._mapping.digest,
            "rows": self.summary.rows,
            "refused": self.summary.refused,
            **vars(self.summary.counts),
        }
        await self._database.run(lambda tx: audit.record(tx, actor, "import", after=facts))

    def _count(self, outcome: Outcome) -> None:
        self.summary.counts.add(outcome.counts)
        # Chunks come sorted by code: of what is made again, no code is above the last.
        self.summary.counts.customers += sum(code > self._last_made for code in outcome.made)
        self._last_made = max(outcome.made, default=self._last_made)

    def _refuse(self, refusal: Refusal) -> None:
        self.summary.refused += 1
        self._watcher.refused(refusal)


def _described(reader: RowReader, staging: Staging, code: str) -> CreateCustomer:
    """The customer as its rows have it together, the first that says something counts."""
    records, tags = staging.customer(code)
    values: dict[str, Any] = {}
    for record in records:
        values = reader.values_of_customer(record) | values
    return replace(customer_of(values), tags=tags)
