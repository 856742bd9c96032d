"""What each posting does to the books. The invariants are checked after every test."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import asyncpg
import orjson
import pytest

from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod, ReferenceType
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.commands import post_entries
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from tests.factories import DAY, Books, lines_of, make_customer, make_product, new_key

Owner = asyncpg.Connection


async def figures(owner: Owner, customer_id: UUID) -> tuple[str, str, str]:
    row = await owner.fetchrow(
        "SELECT pending, advance, current FROM accounts WHERE customer_id = $1", customer_id
    )
    return tuple(str(each) for each in row)


async def open_amount(owner: Owner, entry_id: UUID) -> Decimal | None:
    return await owner.fetchval("SELECT open_amount FROM open_items WHERE entry_id = $1", entry_id)


async def journal(owner: Owner, source_id: UUID) -> dict[str, Decimal]:
    rows = await owner.fetch(
        "SELECT account, debit - credit AS moved FROM journal_lines WHERE source_id = $1", source_id
    )
    return {row["account"]: row["moved"] for row in rows}


async def test_an_invoice_is_owed_and_booked_with_its_tax(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database, payment_terms_days=14)
    await make_product(books.database, "BOLT")
    posted = await books.post(
        PostInvoice(
            customer_id=customer,
            transaction_date=DAY,
            description="March",
            external_reference="PO-7",
            line_items=(
                LineItem(sku="BOLT", quantity=Decimal(3), unit_price=Decimal("0.3333")),
                LineItem(
                    description="Freight",
                    quantity=Decimal(1),
                    unit_price=Decimal(10),
                    discount=Decimal("2.50"),
                ),
            ),
        )
    )
    entry = await owner.fetchrow("SELECT * FROM ledger_entries WHERE id = $1", posted.entry_ids[0])
    assert (str(entry["amount"]), entry["type"], entry["sequence"]) == ("8.69", "INVOICE", 1)
    assert entry["due_date"] == date(2026, 3, 24)
    assert entry["number"].startswith("INV-")
    assert (entry["posted_by"], entry["external_reference"]) == (books.actor.user_id, "PO-7")
    assert await figures(owner, customer) == ("8.69", "0.00", "8.69")
    assert await journal(owner, entry["id"]) == {
        "ACCOUNTS_RECEIVABLE": Decimal("8.69"),
        "REVENUE": Decimal("-8.50"),
        "TAX_PAYABLE": Decimal("-0.19"),
    }
    assert (posted.customer_id, posted.replayed) == (customer, False)


async def test_a_payment_settles_what_is_due_longest_and_leaves_an_advance(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    later = await books.invoice(customer, "50", due=date(2026, 5, 1))
    first = await books.invoice(customer, "30", due=date(2026, 4, 1))
    posted = await books.pay(customer, "40")
    assert len(posted.allocation_ids) == 2
    assert await open_amount(owner, first) is None
    assert await open_amount(owner, later) == Decimal("40.00")
    assert await figures(owner, customer) == ("40.00", "0.00", "40.00")
    posted = await books.pay(customer, "100")
    assert await figures(owner, customer) == ("0.00", "60.00", "-60.00")
    assert await open_amount(owner, posted.entry_ids[0]) == Decimal("60.00")
    assert await journal(owner, posted.allocation_ids[0]) == {
        "CUSTOMER_ADVANCES": Decimal("40.00"),
        "ACCOUNTS_RECEIVABLE": Decimal("-40.00"),
    }


async def test_a_payment_may_name_its_invoices(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    first = await books.invoice(customer, "30")
    second = await books.invoice(customer, "30")
    await books.post(
        RecordPayment(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal(50),
            method=PaymentMethod.CARD,
            allocations=(AllocationInput(debit_id=second, amount=Decimal("20.0")),),
        )
    )
    assert await open_amount(owner, first) == Decimal("30.00")
    assert await open_amount(owner, second) == Decimal("10.00")
    assert await figures(owner, customer) == ("40.00", "30.00", "10.00")


async def test_a_payment_that_is_not_to_be_allocated_is_advance(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    await books.invoice(customer, "30")
    await books.pay(customer, "30", auto_allocate=False)
    assert await figures(owner, customer) == ("30.00", "30.00", "0.00")


async def pay_for(books: Books, customer: UUID, debit: UUID, amount: str) -> None:
    wanted = (AllocationInput(debit_id=debit, amount=Decimal(amount)),)
    await books.post(
        RecordPayment(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal(amount),
            method=PaymentMethod.CASH,
            allocations=wanted,
        )
    )


async def test_an_empty_list_of_allocations_allocates_nothing(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    await books.invoice(customer, "30")
    posted = await books.post(
        RecordPayment(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal(30),
            method=PaymentMethod.CASH,
            allocations=(),
        )
    )
    assert posted.allocation_ids == ()
    assert await figures(owner, customer) == ("30.00", "30.00", "0.00")


async def test_a_credit_note_corrects_its_invoice_and_nothing_else(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    other = await books.invoice(customer, "70", due=DAY)
    wrong = await books.invoice(customer, "30")
    await pay_for(books, customer, wrong, "20")
    posted = await books.post(
        IssueCreditNote(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal(20),
            reason="Damaged",
            against=wrong,
        )
    )
    assert await open_amount(owner, wrong) is None
    assert await open_amount(owner, other) == Decimal("70.00")
    assert await open_amount(owner, posted.entry_ids[0]) == Decimal("10.00")
    related = await owner.fetchval(
        "SELECT related_entry_id FROM ledger_entries WHERE id = $1", posted.entry_ids[0]
    )
    assert related == wrong
    again = await books.post(
        IssueCreditNote(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal(5),
            reason="Damaged",
            against=wrong,
        )
    )
    assert again.allocation_ids == ()
    assert await figures(owner, customer) == ("70.00", "15.00", "55.00")


async def test_a_credit_is_allocated_later_and_that_is_undone(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    credit = (await books.pay(customer, "100")).entry_ids[0]
    debit = await books.invoice(customer, "80", on=date(2026, 4, 1))
    made = await books.post(
        Allocate(
            customer_id=customer,
            credit_id=credit,
            allocations=(AllocationInput(debit_id=debit, amount=Decimal(80)),),
            accounting_date=DAY,
        )
    )
    assert made.entry_ids == ()
    assert await open_amount(owner, debit) is None
    # Dated by the later of the two entries: the invoice was not there before.
    dated = await owner.fetchval(
        "SELECT accounting_date FROM allocations WHERE id = $1", made.allocation_ids[0]
    )
    assert dated == date(2026, 4, 1)
    undone = await books.post(
        UndoAllocation(
            customer_id=customer,
            allocation_id=made.allocation_ids[0],
            reason="Wrong invoice",
            accounting_date=date(2026, 5, 2),
        )
    )
    assert await open_amount(owner, debit) == Decimal("80.00")
    assert await open_amount(owner, credit) == Decimal("100.00")
    mirror = await owner.fetchrow(
        "SELECT amount, undoes_id, accounting_date FROM allocations WHERE id = $1",
        undone.allocation_ids[0],
    )
    assert tuple(mirror) == (Decimal("-80.00"), made.allocation_ids[0], date(2026, 5, 2))
    due = await owner.fetchval("SELECT due_date FROM open_items WHERE entry_id = $1", debit)
    assert due == date(2026, 5, 1)
    assert await figures(owner, customer) == ("80.00", "100.00", "-20.00")


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "100"), ("KWD", "1.250")])
async def test_amounts_have_the_digits_of_their_currency(
    books: Books, owner: Owner, currency: str, amount: str
) -> None:
    customer = await make_customer(books.database, currency=currency)
    await books.invoice(customer, amount)
    assert (await figures(owner, customer))[0] == amount


async def test_a_batch_is_posted_in_order_over_many_customers(books: Books, owner: Owner) -> None:
    customers = [await make_customer(books.database) for _ in range(7)]
    commands = [
        command
        for index in range(30)
        for command in (
            PostInvoice(
                customer_id=customers[index % 7],
                transaction_date=DAY,
                line_items=lines_of("10"),
                reference_type=ReferenceType.IMPORT,
                external_reference=f"A-{index}",
            ),
            RecordPayment(
                customer_id=customers[index % 5],
                transaction_date=DAY,
                amount=Decimal("9.99"),
                method=PaymentMethod.CASH,
            ),
        )
    ]
    posted = await books.database.run(
        lambda tx: post_entries(tx, books.actor, commands, idempotency_key=new_key())
    )
    assert len(posted.entries) == 60
    assert [each.customer_id for each in posted.entries] == [each.customer_id for each in commands]
    assert await owner.fetchval(
        "SELECT bool_and(reference_type = 'IMPORT') FROM ledger_entries "
        "WHERE external_reference LIKE 'A-%'"
    )
    # Paid out of the batch's own invoices: what one draft opens, the next may settle.
    assert (
        await owner.fetchval(
            "SELECT count(*) FROM allocations WHERE credit_id = ANY($1)", list(posted.entry_ids)
        )
        >= 30
    )


async def test_a_posting_tells_by_ids_only_what_happened(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database, business_name="Personal Ltd")
    posted = await books.pay(customer, "5")
    payloads = await owner.fetch(
        "SELECT topic, payload FROM outbox WHERE payload ->> 'customerId' = $1", str(customer)
    )
    assert [(row["topic"], orjson.loads(row["payload"])) for row in payloads] == [
        (
            "event.entry_posted",
            {"customerId": str(customer), "entryId": str(posted.entry_ids[0])},
        )
    ]
    event = await owner.fetchrow("SELECT * FROM audit_events WHERE customer_id = $1", customer)
    assert (event["action"], event["outcome"]) == ("recordPayment", "DONE")
    assert (event["actor_id"], event["request_id"]) == (books.actor.user_id, books.actor.request_id)
    assert event["policy_version"] == "1"


async def test_each_posting_raises_the_change_number(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    await books.invoice(customer, "1")
    await books.pay(customer, "1")
    changes = await owner.fetchval(
        "SELECT change_number FROM accounts WHERE customer_id = $1", customer
    )
    assert changes == 2


async def test_a_zero_with_a_minus_sign_is_hashed_as_it_is_stored(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    await books.post(
        PostInvoice(
            customer_id=customer,
            transaction_date=DAY,
            line_items=(
                LineItem(
                    description="Signed zeros",
                    quantity=Decimal(1),
                    unit_price=Decimal("-0"),
                    discount=Decimal("-0.00"),
                    tax_rate=Decimal("-0.0"),
                ),
                *lines_of("10"),
            ),
        )
    )
    # The invariants, checked after every test, recompute the hash from the stored rows.
    assert await figures(owner, customer) == ("10.00", "0.00", "10.00")
