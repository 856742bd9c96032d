"""A customer's payment is recorded once under its reference, whatever key it comes with."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain import global_id
from app.domain.errors import DomainError, ErrorCode
from app.services.ledger.commands import post_entries
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import PaymentMethod, RecordPayment
from tests.factories import DAY, Books, lines_of, make_customer, new_key

Owner = asyncpg.Connection


def payment(customer: UUID, reference: str | None, amount: str = "10") -> RecordPayment:
    return RecordPayment(
        customer_id=customer,
        transaction_date=DAY,
        amount=Decimal(amount),
        method=PaymentMethod.BANK_TRANSFER,
        external_reference=reference,
    )


def is_conflict(error: object) -> bool:
    return (
        isinstance(error, DomainError)
        and error.code is ErrorCode.CONFLICT
        and error.path[-1] == "externalReference"
    )


async def test_a_second_payment_is_refused_and_names_the_first(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    first = (await books.post(payment(customer, "BANK-7"))).entry_ids[0]
    number = await owner.fetchval("SELECT number FROM ledger_entries WHERE id = $1", first)

    with pytest.raises(DomainError) as refusal:
        await books.post(payment(customer, " BANK-7 ", amount="11"))

    assert is_conflict(refusal.value)
    assert number in refusal.value.message
    assert refusal.value.details == {
        "entry": global_id.encode("LedgerEntry", first, customer),
        "number": number,
    }


async def test_of_many_at_once_one_is_recorded(books: Books) -> None:
    customer = await make_customer(books.database)

    outcomes = await asyncio.gather(
        *(books.post(payment(customer, "BANK-8")) for _ in range(6)), return_exceptions=True
    )

    assert sum(map(is_conflict, outcomes)) == 5


async def test_also_within_a_batch(books: Books) -> None:
    customer = await make_customer(books.database)
    references = ("BANK-6", "BANK-9", "BANK-9")
    twice: Sequence[RecordPayment] = [payment(customer, each) for each in references]

    with pytest.raises(DomainError) as refusal:
        await books.database.run(
            lambda tx: post_entries(tx, books.actor, twice, idempotency_key=new_key())
        )

    assert is_conflict(refusal.value)
    assert refusal.value.path[:2] == ("entries", "2")
    assert refusal.value.details == {"index": 1}


async def test_what_is_another_reference(books: Books) -> None:
    customer, other = [await make_customer(books.database) for _ in range(2)]
    await books.post(payment(customer, "BANK-10"))
    await books.post(payment(other, "BANK-10"))
    await books.post(payment(customer, "bank-10"))
    await books.post(payment(customer, None))
    await books.post(payment(customer, None))


async def test_invoices_and_credit_notes_may_repeat_theirs(books: Books) -> None:
    customer = await make_customer(books.database)
    for _ in range(2):
        await books.post(
            PostInvoice(
                customer_id=customer,
                transaction_date=DAY,
                line_items=lines_of("10"),
                external_reference="PO-7",
            )
        )
        await books.post(
            IssueCreditNote(
                customer_id=customer,
                transaction_date=DAY,
                amount=Decimal(1),
                reason="Wrong",
                external_reference="PO-7",
            )
        )


async def test_the_database_refuses_by_itself(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    await books.post(payment(customer, "BANK-11"))
    with pytest.raises(asyncpg.UniqueViolationError, match="uq_ledger_entries_reference"):
        await owner.execute(
            "INSERT INTO ledger_entries SELECT (jsonb_populate_record(entry, jsonb_build_object("
            "'id', uuidv7(), 'sequence', 2, 'number', 'PAY-X'))).* FROM ledger_entries entry "
            "WHERE customer_id = $1",
            customer,
        )
