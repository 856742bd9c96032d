"""A migrated database per test, and a sub-ledger written row by row, as a posting writes it."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from app.infra.database import Database

ROOT = Path(__file__).parents[3]
TEMPLATE = f"reconciliation_template_{os.getpid()}"
DAY = date(2026, 5, 15)


def _url_of(name: str) -> str:
    return urlunsplit(urlsplit(os.environ["TEST_DATABASE_URL"])._replace(path=f"/{name}"))


async def _administer(*statements: str) -> None:
    connection = await asyncpg.connect(os.environ["TEST_DATABASE_URL"])
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    asyncio.run(_administer(f"CREATE DATABASE {TEMPLATE}"))
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option(
        "sqlalchemy.url", _url_of(TEMPLATE).replace("postgresql://", "postgresql+asyncpg://")
    )
    command.upgrade(config, "head")
    yield TEMPLATE
    asyncio.run(_administer(f"DROP DATABASE {TEMPLATE} WITH (FORCE)"))


@pytest.fixture
async def database_url(template: str) -> AsyncIterator[str]:
    name = f"reconciliation_{uuid4().hex}"
    await _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _url_of(name)
    await _administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Whoever owns the tables and can change what the application cannot."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


class SubLedger:
    """Writes entries and allocations with all that belongs to them, each in one transaction."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.user_id = UUID(int=0)
        self._period_id = UUID(int=0)

    async def open(self) -> None:
        self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=4)
        self.user_id = await self._pool.fetchval(
            "INSERT INTO users (email, name, roles) "
            "VALUES ('poster@example.org', 'P', ARRAY['ACCOUNTANT']) RETURNING id"
        )
        self._period_id = await self._pool.fetchval(
            "INSERT INTO accounting_periods (name, type, during) "
            "VALUES ('2026-05', 'MONTHLY', '[2026-05-01,2026-06-01)') RETURNING id"
        )

    async def close(self) -> None:
        await self._pool.close()

    async def customer(self, currency: str = "EUR", assigned_to: UUID | None = None) -> UUID:
        async with self._pool.acquire() as connection, connection.transaction():
            customer: UUID = await connection.fetchval(
                "INSERT INTO customers (code, business_name, customer_type, currency, "
                "payment_terms_days, assigned_to) VALUES ($1, 'Customer', 'RETAIL', $2, 30, $3) "
                "RETURNING id",
                f"C-{uuid4().hex}",
                currency,
                assigned_to,
            )
            await connection.execute(
                "INSERT INTO accounts (customer_id, currency, pending, advance, credit_limit) "
                "SELECT $1, $2, z, z, z FROM round(0, currency_digits($2)) AS z",
                customer,
                currency,
            )
        return customer

    async def post(self, customer: UUID, amount: str) -> UUID:
        """An invoice of a positive amount, or a payment of a negative one, with nothing settled."""
        signed = Decimal(amount)
        size = abs(signed)
        async with self._pool.acquire() as connection, connection.transaction():
            account = await connection.fetchrow(
                "SELECT * FROM accounts WHERE customer_id = $1 FOR NO KEY UPDATE", customer
            )
            sequence = account["sequence"] + 1
            digest = hashlib.sha256(account["head_hash"] + str(signed).encode()).digest()
            entry: UUID = await connection.fetchval(
                "INSERT INTO ledger_entries (customer_id, sequence, number, type, amount, "
                "currency, transaction_date, period_id, posted_by, previous_hash, hash) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id",
                customer,
                sequence,
                f"N-{sequence}",
                "INVOICE" if signed > 0 else "PAYMENT",
                signed,
                account["currency"],
                DAY,
                self._period_id,
                self.user_id,
                account["head_hash"],
                digest,
            )
            debited, credited = (
                ("ACCOUNTS_RECEIVABLE", "REVENUE") if signed > 0 else ("CASH", "CUSTOMER_ADVANCES")
            )
            await self._book(
                connection, customer, entry, "ENTRY", debited, credited, size, account["currency"]
            )
            await connection.execute(
                "INSERT INTO open_items (customer_id, entry_id, is_debit, open_amount, currency, "
                "accounting_date) VALUES ($1, $2, $3, $4, $5, $6)",
                customer,
                entry,
                signed > 0,
                size,
                account["currency"],
                DAY,
            )
            zero = size - size
            await connection.execute(
                "UPDATE accounts SET pending = pending + $2, advance = advance + $3, "
                "sequence = $4, head_hash = $5, change_number = change_number + 1 "
                "WHERE customer_id = $1",
                customer,
                size if signed > 0 else zero,
                size if signed < 0 else zero,
                sequence,
                digest,
            )
        return entry

    async def allocate(
        self,
        customer: UUID,
        credit: UUID,
        debit: UUID,
        amount: str,
        *,
        undoes: UUID | None = None,
        projected: bool = True,
    ) -> UUID:
        """Use `amount` of a credit against a debit; not `projected`: a bug that forgot to."""
        size = Decimal(amount)
        signed = -size if undoes else size
        async with self._pool.acquire() as connection, connection.transaction():
            currency = await connection.fetchval(
                "SELECT currency FROM accounts WHERE customer_id = $1 FOR NO KEY UPDATE", customer
            )
            allocation: UUID = await connection.fetchval(
                "INSERT INTO allocations (customer_id, credit_id, debit_id, amount, currency, "
                "undoes_id, accounting_date, allocated_by) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                customer,
                credit,
                debit,
                signed,
                currency,
                undoes,
                DAY,
                self.user_id,
            )
            debited, credited = "CUSTOMER_ADVANCES", "ACCOUNTS_RECEIVABLE"
            if undoes:
                debited, credited = credited, debited
            await self._book(
                connection, customer, allocation, "ALLOCATION", debited, credited, size, currency
            )
            if projected:
                await self._project(connection, customer, (credit, debit), signed, currency)
        return allocation

    async def _project(self, connection, customer, entries, signed, currency) -> None:
        await connection.execute(
            "MERGE INTO open_items i USING (SELECT * FROM ledger_entries "
            "WHERE customer_id = $1 AND id = ANY($2::uuid[])) e "
            "ON i.customer_id = e.customer_id AND i.entry_id = e.id "
            "WHEN MATCHED AND i.open_amount = $3 THEN DELETE "
            "WHEN MATCHED THEN UPDATE SET open_amount = i.open_amount - $3 "
            "WHEN NOT MATCHED THEN INSERT (customer_id, entry_id, is_debit, open_amount, "
            "currency, accounting_date) VALUES ($1, e.id, e.amount > 0, -$3, $4, $5)",
            customer,
            list(entries),
            signed,
            currency,
            DAY,
        )
        await connection.execute(
            "UPDATE accounts SET pending = pending - $2, advance = advance - $2, "
            "change_number = change_number + 1 WHERE customer_id = $1",
            customer,
            signed,
        )

    async def _book(
        self, connection, customer, source_id, source, debited, credited, size, currency
    ) -> None:
        zero = size - size
        await connection.executemany(
            "INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, "
            "debit, credit, currency, accounting_date) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                (customer, source_id, 1, source, debited, size, zero, currency, DAY),
                (customer, source_id, 2, source, credited, zero, size, currency, DAY),
            ],
        )


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[SubLedger]:
    opened = SubLedger(database_url)
    await opened.open()
    yield opened
    await opened.close()
