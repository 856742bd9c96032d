"""What is owed is used up in the order in which it falls due, and read no further than that."""

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.services.ledger.allocations import Allocate
from app.services.ledger.commands import post_entries
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import PaymentMethod, RecordPayment
from app.services.ledger.posting import Request, _scopes
from app.services.ledger.reading import read
from tests.factories import DAY, Books, lines_of, make_customer, new_key

Owner = asyncpg.Connection

ITEMS = 600
SLACK = 60
"""Rows that PostgreSQL fetches at once in a loop, and a few."""
WINDOW = """
SELECT entry_id FROM (
    SELECT *, sum(open_amount) OVER (
            ORDER BY coalesce(due_date, accounting_date), accounting_date, entry_id
            ROWS UNBOUNDED PRECEDING
        ) - open_amount AS due_before
    FROM open_items WHERE customer_id = $1 AND is_debit
) AS queue
WHERE due_before < $2 ORDER BY due_before
"""
TOUCHED = """
SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
WHERE relname = 'open_items'
"""


@pytest.fixture(scope="module")
async def debtor(books: Books, database_url: str) -> UUID:
    """One who owes very much; amounts, dates and due dates in no order."""
    chance = random.Random(7)  # noqa: S311 - any will do
    customer = await make_customer(books.database)
    invoices = [
        PostInvoice(
            customer_id=customer,
            transaction_date=(on := DAY - timedelta(days=chance.randrange(60))),
            due_date=on + timedelta(days=chance.randrange(60)),
            line_items=lines_of(str(chance.randint(1, 50))),
        )
        for _ in range(ITEMS)
    ]
    await books.database.run(
        lambda tx: post_entries(tx, books.actor, invoices, idempotency_key=new_key())
    )
    connection = await asyncpg.connect(database_url)
    await connection.execute("VACUUM ANALYZE open_items")
    await connection.close()
    return customer


@pytest.mark.parametrize("amount", ["0", "0.01", "40", "1000", "1000000"])
async def test_it_reaches_as_far_as_the_credit(owner: Owner, debtor: UUID, amount: str) -> None:
    async with owner.transaction():
        before = await owner.fetchval(TOUCHED)
        found = await owner.fetch("SELECT entry_id FROM due_first($1, $2)", debtor, Decimal(amount))
        touched = await owner.fetchval(TOUCHED) - before
    assert found == await owner.fetch(WINDOW, debtor, Decimal(amount))
    assert touched <= len(found) + SLACK


async def test_a_payment_reads_no_more(books: Books, owner: Owner, debtor: UUID) -> None:
    wanted = await owner.fetch(WINDOW, debtor, Decimal(60))
    payment = RecordPayment(
        customer_id=debtor,
        transaction_date=DAY,
        amount=Decimal(60),
        method=PaymentMethod.CASH,
    )
    request = Request(
        operation="recordPayment",
        mutations=(),
        key=new_key(),
        input_hash=b"",
        drafts=(payment.draft(),),
    )
    async with books.database.transaction() as tx:
        facts = await read(
            tx,
            books.actor,
            _scopes(books.actor, request),
            request.drafts,
            key=request.key,
            key_is_new=True,
        )
    assert {each.id for each in facts.known[debtor]} == {row["entry_id"] for row in wanted}
    posted = await books.post(payment)
    settled = await owner.fetch(
        "SELECT debit_id FROM allocations WHERE credit_id = $1 ORDER BY id", posted.entry_ids[0]
    )
    assert [row["debit_id"] for row in settled] == [row["entry_id"] for row in wanted]


async def _allocate(
    books: Books, customer: UUID, credit: UUID, key: str | None = None
) -> Sequence[UUID]:
    posted = await books.post(
        Allocate(customer_id=customer, credit_id=credit, accounting_date=DAY), key=key
    )
    return posted.allocation_ids


async def test_a_credit_without_allocations_is_used_oldest_due_first(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    late = await books.invoice(customer, "50", due=DAY + timedelta(days=30))
    early = await books.invoice(customer, "30", due=DAY + timedelta(days=5))
    last = await books.invoice(customer, "10", due=DAY + timedelta(days=60))
    credit = (await books.pay(customer, "60", auto_allocate=False)).entry_ids[0]
    key = new_key()

    made = await _allocate(books, customer, credit, key)

    rows = await owner.fetch(
        "SELECT debit_id, amount FROM allocations WHERE customer_id = $1 ORDER BY id", customer
    )
    assert [tuple(row) for row in rows] == [(early, Decimal("30.00")), (late, Decimal("30.00"))]
    assert await _allocate(books, customer, credit, key) == made
    more = (await books.pay(customer, "100", auto_allocate=False)).entry_ids[0]
    await _allocate(books, customer, more)
    left = await owner.fetch(
        "SELECT entry_id, open_amount FROM open_items WHERE customer_id = $1", customer
    )
    assert [tuple(row) for row in left] == [(more, Decimal("70.00"))]
    assert last not in {row["entry_id"] for row in left}


@pytest.mark.parametrize("case", ["used up", "nothing owed"])
async def test_where_nothing_can_be_used_it_says_so(books: Books, case: str) -> None:
    customer = await make_customer(books.database)
    await books.invoice(customer, "10")
    credit = (await books.pay(customer, "10" if case == "used up" else "40")).entry_ids[0]
    if case == "used up":
        await books.invoice(customer, "10")
    with pytest.raises(DomainError) as refusal:
        await _allocate(books, customer, credit)
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.INVALID_STATE, ("credit",))
