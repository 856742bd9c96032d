"""Portions and their order: pure decisions about rows."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.domain.errors import Invalid, NotFound
from app.domain.ledger import PaymentMethod
from app.infra.database import Database
from app.services.customers.create import CreateCustomer
from app.services.importing.chunks import MAX_ROWS, Wanted, batch, chunks
from app.services.importing.rows import InvoiceRow, Row, SettlementRow
from app.services.ledger.commands import MAX_ENTRIES, EntryCommand, post_entries
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.ledger.posting import Posted
from tests.factories import DAY, Books, lines_of, make_customer, new_key, open_books


def row(code: str, line: int, on: date = DAY, paid: date = DAY) -> Row:
    return Row(
        line=line,
        code=code,
        currency="USD",
        customer=CreateCustomer(code=code, business_name=code, currency="USD"),
        invoice=InvoiceRow(
            reference=str(line), on=on, amount=Decimal(5), due_date=None, description=None
        ),
        settlement=SettlementRow(
            reference=str(line),
            settles=str(line),
            on=paid,
            amount=Decimal(5),
            method=PaymentMethod.CASH,
        ),
    )


def sizes(*of_customers: int) -> list[list[tuple[str, int]]]:
    """Per chunk: which customers are in it, with how many rows."""
    rows = (row(str(code), n) for code, many in enumerate(of_customers) for n in range(many))
    return [_counted(chunk) for chunk in chunks(rows)]


def _counted(chunk: Iterable[Row]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for each in chunk:
        counts[each.code] = counts.get(each.code, 0) + 1
    return list(counts.items())


def test_a_customer_stays_in_one_chunk_if_it_can() -> None:
    assert MAX_ROWS * 2 <= MAX_ENTRIES
    assert sizes() == []
    assert sizes(300, 200) == [[("0", 300), ("1", 200)]]
    assert sizes(300, 201) == [[("0", 300)], [("1", 201)]]
    assert sizes(300, 700, 1) == [[("0", 300)], [("1", 500)], [("1", 200), ("2", 1)]]
    assert sizes(1001) == [[("0", 500)], [("0", 500)], [("0", 1)]]


def test_a_settlement_follows_its_invoice_and_names_it() -> None:
    customer = uuid4()
    rows = [row("a", 2, date(2026, 3, 9), date(2026, 3, 1)), row("a", 3, date(2026, 3, 4))]
    wanted = [
        Wanted(
            row=each,
            customer_id=customer,
            currency="USD",
            invoice=each.invoice,
            settlement=each.settlement,
        )
        for each in rows
    ]
    made = batch(wanted)
    assert [(each.line, command.operation) for each, command in _pairs(made)] == [
        (3, "postInvoice"),
        (2, "postInvoice"),
        (2, "recordPayment"),
        (3, "recordPayment"),
    ]
    payments = [each for each in made.commands if isinstance(each, RecordPayment)]
    assert [payment.settles for payment in payments] == [1, 0]
    assert made.key("file", "mapping") == batch(wanted[::-1]).key("file", "mapping")
    assert made.key("file", "mapping") != made.key("other", "mapping")


def _pairs(made: object) -> Iterable[tuple[Row, EntryCommand]]:
    return zip(made.rows, made.commands, strict=True)  # type: ignore[attr-defined] # a Batch


@pytest.fixture
async def books(database: Database) -> Books:
    return await open_books(database)


async def post(books: Books, *commands: EntryCommand) -> Posted:
    return await books.database.run(
        lambda tx: post_entries(tx, books.actor, commands, idempotency_key=new_key())
    )


def invoice(customer_id: UUID) -> PostInvoice:
    return PostInvoice(customer_id=customer_id, transaction_date=DAY, line_items=lines_of("7"))


def payment(customer_id: UUID, settles: int, **values: object) -> RecordPayment:
    return RecordPayment(
        customer_id=customer_id,
        transaction_date=DAY,
        amount=Decimal(9),
        method=PaymentMethod.CASH,
        settles=settles,
        **values,  # type: ignore[arg-type] # fields of the command
    )


async def test_a_payment_settles_an_entry_of_its_own_batch(books: Books) -> None:
    customer = await make_customer(books.database)
    await post(books, invoice(customer), invoice(customer), payment(customer, 1))
    async with books.database.transaction() as tx:
        opens = await tx.connection.fetch(
            "SELECT is_debit, open_amount FROM open_items WHERE customer_id = $1 ORDER BY entry_id",
            customer,
        )
    # What exceeds it stays advance, though another invoice is open.
    assert [tuple(each) for each in opens] == [(True, 7), (False, 2)]


@pytest.mark.parametrize("settles", [-1, 0, 2, 3, 99])
async def test_a_payment_settles_only_an_earlier_debit_of_its_customer(
    books: Books, settles: int
) -> None:
    customer, other = [await make_customer(books.database) for _ in range(2)]
    with pytest.raises(NotFound) as caught:
        await post(books, invoice(other), invoice(customer), payment(customer, settles))
    assert caught.value.path == ("entries", "2", "payment", "settles")


async def test_a_payment_settles_one_entry_or_has_allocations(books: Books) -> None:
    customer = await make_customer(books.database)
    wishes = (AllocationInput(debit_id=uuid4(), amount=Decimal(1)),)
    with pytest.raises(Invalid):
        await post(books, invoice(customer), payment(customer, 0, allocations=wishes))
