"""Today is the company's, by PostgreSQL's clock; after it only what is owed is dated."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Database
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.payments import PaymentMethod, RecordPayment
from tests.factories import Books, make_customer, open_books

Owner = asyncpg.Connection
# Between these two it is never the same day.
ZONES = ("Pacific/Kiritimati", "Pacific/Pago_Pago")


def today_in(zone: str) -> date:
    return datetime.now(ZoneInfo(zone)).date()


@pytest.fixture(params=ZONES)
async def company(
    request: pytest.FixtureRequest, database_url: str, database: Database
) -> AsyncIterator[tuple[str, Books]]:
    """A zone, and books of a company that is there."""
    year = today_in(request.param).year
    books = await open_books(database, years={2026, year - 1, year, year + 1})
    there = Database(database_url, pool_size=2, time_zone=request.param)
    await there.open()
    yield request.param, Books(there, books.actor)
    await there.close()


async def test_an_allocation_is_dated_today(company: tuple[str, Books], owner: Owner) -> None:
    zone, books = company
    customer = await make_customer(books.database)
    debit = await books.invoice(customer, "100")
    credit = (await books.pay(customer, "60", auto_allocate=False)).entry_ids[0]
    wish = AllocationInput(debit_id=debit, amount=Decimal(60))
    before = today_in(zone)

    made = await books.post(Allocate(customer_id=customer, credit_id=credit, allocations=(wish,)))
    await books.post(
        UndoAllocation(customer_id=customer, allocation_id=made.allocation_ids[0], reason="Wrong")
    )

    dates = await owner.fetch(
        "SELECT accounting_date FROM allocations WHERE customer_id = $1", customer
    )
    assert len(dates) == 2
    assert {row["accounting_date"] for row in dates} <= {before, today_in(zone)}


@pytest.mark.parametrize("days", [1, 21])
async def test_no_credit_is_dated_after_today(company: tuple[str, Books], days: int) -> None:
    zone, books = company
    customer = await make_customer(books.database)
    debit = await books.invoice(customer, "100")
    later = today_in(zone) + timedelta(days=days)
    payment = RecordPayment(
        customer_id=customer,
        transaction_date=later,
        amount=Decimal(10),
        method=PaymentMethod.CASH,
    )
    note = IssueCreditNote(
        customer_id=customer,
        transaction_date=later,
        amount=Decimal(10),
        reason="Wrong",
        against=debit,
    )
    for command in (payment, note):
        with pytest.raises(DomainError) as refusal:
            await books.post(command)
        error = refusal.value
        assert (error.code, error.path) == (ErrorCode.VALIDATION, ("transactionDate",))


async def test_today_they_are_and_what_is_owed_also_later(company: tuple[str, Books]) -> None:
    zone, books = company
    customer = await make_customer(books.database)
    today = today_in(zone)

    await books.invoice(customer, "100", on=today + timedelta(days=21))
    await books.pay(customer, "100", on=today)
