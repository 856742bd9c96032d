"""Imports out of texts: what a test writes into a file, and what became of it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.infra.database import Database
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.importing.mapping_file import read_mapping
from app.services.importing.refusals import AlreadyThere, Refusal
from app.services.importing.run import Summary, import_file
from tests.factories import actor_for

MAPPING = """
version = 1
[fiscal_years]
first = 2020
last = 2021
[customer]
code = { column = "code" }
business_name = { template = "Customer {code}" }
currency = { value = "USD" }
[invoice]
reference = { column = "number" }
date = { column = "date" }
amount = { column = "amount" }
[settlement]
date = { column = "paid" }
method = { value = "CHEQUE" }
"""
HEADER = "code,number,date,amount,paid\n"
# With a text of the invoice, which may hold line breaks.
NOTED = MAPPING.replace("[settlement]", 'description = { column = "note" }\n[settlement]')
NOTED_HEADER = HEADER.replace("\n", ",note\n")
# Payments alone, of invoices that are in the books.
PAYMENT_KEYS = """
customer = { column = "customer" }
invoice = { column = "invoice" }
date = { column = "date" }
amount = { column = "amount" }
method = { column = "method", values = { C = "CHEQUE", B = "BANK_TRANSFER" } }
reference = { column = "reference" }
"""
PAYMENTS = "version = 1\n[payment]" + PAYMENT_KEYS
PAYMENTS_HEADER = "customer,invoice,date,amount,method,reference\n"


@dataclass
class Watched:
    """A watcher that remembers."""

    refusals: list[Refusal] = field(default_factory=list)
    there: list[AlreadyThere] = field(default_factory=list)
    steps: list[tuple[str, int, int]] = field(default_factory=list)

    def reading(self, bytes_read: int, rows: int) -> None:
        self.steps.append(("reading", bytes_read, rows))

    def posting(self, rows: int, of_rows: int) -> None:
        self.steps.append(("posting", rows, of_rows))

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def there_already(self, found: AlreadyThere) -> None:
        self.there.append(found)


@dataclass
class Imported:
    """What an import did, what it refused, and what it found in the books."""

    summary: Summary
    refusals: list[Refusal]
    there: list[AlreadyThere]

    @property
    def reasons(self) -> dict[int, tuple[str, str]]:
        return {each.line: (each.column, each.reason) for each in self.refusals}

    @property
    def counts(self) -> dict[str, int]:
        return {name: count for name, count in vars(self.summary.counts).items() if count}


@dataclass
class Importing:
    """Imports as one user, who may do all that is needed, into one database."""

    database: Database
    actor: Actor
    place: Path

    async def __call__(
        self,
        rows: str | bytes,
        *,
        mapping: str = MAPPING,
        header: str | bytes = HEADER,
        actor: Actor | None = None,
        **options: Any,
    ) -> Imported:
        file, watched = self.place / "file.csv", Watched()
        file.write_bytes(_bytes(header) + _bytes(rows))
        summary = await import_file(
            self.database,
            actor or self.actor,
            read_mapping(mapping.encode()),
            file,
            watched,
            **options,
        )
        assert summary.refused == len(watched.refusals)
        assert summary.counts.rows_already_there == len(watched.there)
        return Imported(summary, watched.refusals, watched.there)


@pytest.fixture
async def importing(database: Database, tmp_path: Path) -> Importing:
    held = (Role.CONTROLLER, Role.ACCOUNTANT, Role.CREDIT_MANAGER)
    actor = await actor_for(database, *held)
    return Importing(database, actor, tmp_path)


def _bytes(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
