"""A database of its own for every test, and books that the posting engine writes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest

from app.infra.database import Database
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.inputs import AllocationInput
from tests.conftest import own_database
from tests.factories import DAY, Books, make_customer, open_books

Connection = "asyncpg.Connection[asyncpg.Record]"


@pytest.fixture
async def database_url(servers: dict[str, str]) -> AsyncIterator[str]:
    """Not the module's: a run looks at every customer there is."""
    async with own_database(servers) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, pool_size=12)
    await opened.open()
    yield opened
    await opened.close()


@dataclass(frozen=True)
class Ledger:
    """The sub-ledger in few words: positive amounts are invoices, negative ones payments."""

    books: Books

    @property
    def user_id(self) -> UUID:
        return self.books.actor.user_id

    async def customer(self, currency: str = "EUR", assigned_to: UUID | None = None) -> UUID:
        return await make_customer(self.books.database, currency=currency, assigned_to=assigned_to)

    async def post(self, customer: UUID, amount: str) -> UUID:
        if Decimal(amount) > 0:
            return await self.books.invoice(customer, amount)
        paid = await self.books.pay(customer, amount.removeprefix("-"), auto_allocate=False)
        return paid.entry_ids[0]

    async def allocate(self, customer: UUID, credit: UUID, debit: UUID, amount: str) -> UUID:
        command = Allocate(
            customer_id=customer,
            credit_id=credit,
            allocations=(AllocationInput(debit_id=debit, amount=Decimal(amount)),),
            accounting_date=DAY,
        )
        return (await self.books.post(command)).allocation_ids[0]

    async def undo(self, customer: UUID, allocation: UUID) -> None:
        await self.books.post(
            UndoAllocation(
                customer_id=customer,
                allocation_id=allocation,
                reason="wrong invoice",
                accounting_date=DAY,
            )
        )


@pytest.fixture
async def ledger(database: Database) -> Ledger:
    return Ledger(await open_books(database))


@pytest.fixture
def allocate_without_projecting():
    """An allocation, booked as it must be, whose projections somebody forgot."""

    async def write(owner: Connection, customer: UUID, credit: UUID, debit: UUID) -> None:
        async with owner.transaction():
            allocation = await owner.fetchval(
                "INSERT INTO allocations (customer_id, credit_id, debit_id, amount, currency, "
                "accounting_date, allocated_by) SELECT $1, $2, $3, 5.00, 'EUR', $4, posted_by "
                "FROM ledger_entries WHERE id = $2 RETURNING id",
                customer,
                credit,
                debit,
                DAY,
            )
            await owner.execute(
                "INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, "
                "debit, credit, currency, accounting_date) VALUES "
                "($1, $2, 1, 'ALLOCATION', 'CUSTOMER_ADVANCES', 5.00, 0.00, 'EUR', $3), "
                "($1, $2, 2, 'ALLOCATION', 'ACCOUNTS_RECEIVABLE', 0.00, 5.00, 'EUR', $3)",
                customer,
                allocation,
                DAY,
            )

    return write


@pytest.fixture
async def settled(ledger):
    """A customer with an invoice partly paid, one open, and a payment on account."""
    customer = await ledger.customer()
    first = await ledger.post(customer, "100.00")
    payment = await ledger.post(customer, "-60.00")
    await ledger.allocate(customer, payment, first, "60.00")
    second = await ledger.post(customer, "40.00")
    advance = await ledger.post(customer, "-5.00")
    return {
        "customer": customer,
        "first": first,
        "payment": payment,
        "second": second,
        "advance": advance,
    }
