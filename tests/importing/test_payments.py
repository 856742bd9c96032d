"""Rows of payments: an invoice is settled in as many instalments as there are, each once."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest

from app.domain.errors import ErrorCode
from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod
from app.policies.roles import Role
from app.services.ledger.commands import Command, post_command
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from tests.factories import actor_for, make_customer, new_key
from tests.importing.conftest import PAYMENT_KEYS, PAYMENTS, PAYMENTS_HEADER, Importing
from tests.invariants import broken, snapshot

Owner = "asyncpg.Connection[asyncpg.Record]"

IN_DOLLARS = PAYMENTS + 'currency = { column = "currency" }\n'
IN_DOLLARS_HEADER = PAYMENTS_HEADER.replace("\n", ",currency\n")

# Invoices and payments in one file, told apart by a column.
BOTH = (
    "version = 1\n[fiscal_years]\nfirst = 2020\nlast = 2021\n"
    """
[customer]
code = { column = "customer" }
business_name = { template = "Customer {customer}" }
currency = { value = "USD" }
[invoice]
when = { column = "kind", values = { Invoice = "yes", Payment = "", Total = "" } }
reference = { column = "invoice" }
date = { column = "date" }
amount = { column = "amount" }
[payment]
when = { column = "kind", values = { Invoice = "", Payment = "yes", Total = "" } }
""" + PAYMENT_KEYS
)
BOTH_HEADER = "kind," + PAYMENTS_HEADER


@pytest.fixture(autouse=True)
async def sound_books(owner: Owner) -> Any:
    """Whatever a test imports: every invariant holds afterwards."""
    yield
    assert await broken(owner) == {}


async def pay(importing: Importing, rows: str, **options: Any) -> Any:
    return await importing(rows, mapping=PAYMENTS, header=PAYMENTS_HEADER, **options)


async def both(importing: Importing, rows: str, **options: Any) -> Any:
    return await importing(rows, mapping=BOTH, header=BOTH_HEADER, **options)


async def settled(owner: Owner, code: str) -> list[tuple[Any, ...]]:
    """What was spent on which invoice, by which payment, and when."""
    rows = await owner.fetch(
        """
        SELECT d.external_reference AS invoice, c.external_reference AS payment, a.amount,
            a.accounting_date, c.payment_method
        FROM allocations a JOIN customers ON customers.id = a.customer_id AND customers.code = $1
            JOIN ledger_entries c ON c.customer_id = a.customer_id AND c.id = a.credit_id
            JOIN ledger_entries d ON d.customer_id = a.customer_id AND d.id = a.debit_id
        ORDER BY a.accounting_date, a.id
        """,
        code,
    )
    return [tuple(row) for row in rows]


async def post(importing: Importing, command: Command) -> None:
    actor = await actor_for(importing.database, Role.ACCOUNTANT)
    await importing.database.run(
        lambda tx: post_command(tx, actor, command, idempotency_key=new_key())
    )


def invoice(customer_id: UUID, reference: str | None, amount: str = "10") -> PostInvoice:
    line = LineItem(description="Work", quantity=Decimal(1), unit_price=Decimal(amount))
    return PostInvoice(
        customer_id=customer_id,
        transaction_date=date(2020, 5, 1),
        line_items=(line,),
        external_reference=reference,
    )


THREE = "inst,1,2020-05-10,4.00,C,a\ninst,1,2020-06-10,3.00,B,b\ninst,1,2020-07-10,3.00,C,c\n"


async def test_an_invoice_is_paid_in_instalments(importing: Importing, owner: Owner) -> None:
    await importing("inst,1,2020-05-01,10,\ninst,2,2020-04-01,10,\n")
    done = await pay(importing, THREE)
    assert done.counts == {"payments": 3}
    assert await settled(owner, "inst") == [
        ("1", "a", Decimal("4.00"), date(2020, 5, 10), "CHEQUE"),
        ("1", "b", Decimal("3.00"), date(2020, 6, 10), "BANK_TRANSFER"),
        ("1", "c", Decimal("3.00"), date(2020, 7, 10), "CHEQUE"),
    ]
    before = await snapshot(owner)
    again = await pay(importing, THREE)
    assert again.counts == {"rows_already_there": 3}
    assert [each.line for each in again.there] == [2, 3, 4]
    after = await snapshot(owner)
    assert after.pop("audit_events") != before.pop("audit_events")
    assert after == before


async def test_invoices_and_payments_of_one_file(importing: Importing, owner: Owner) -> None:
    """In whatever order; rows that are neither, such as totals, are passed over."""
    rows = (
        "Payment,one,1,2020-05-10,4,C,a\n"
        "Payment,one,1,2020-04-01,6,C,early\n"
        "Invoice,one,2,2020-06-01,5,,\n"
        "Invoice,one,1,2020-05-01,10,,\n"
        "Total,,,,25,,\n"
    )
    for is_dry_run in (True, False):
        done = await both(importing, rows, is_dry_run=is_dry_run)
        assert done.refusals == []
        assert done.counts == {"customers": 1, "invoices": 2, "payments": 2}
        assert (done.summary.rows, done.summary.passed_over) == (5, 1)
    assert await settled(owner, "one") == [
        ("1", "early", Decimal("6.00"), date(2020, 5, 1), "CHEQUE"),
        ("1", "a", Decimal("4.00"), date(2020, 5, 10), "CHEQUE"),
    ]
    assert (await both(importing, rows)).counts == {"rows_already_there": 4}


async def test_a_dry_run_knows_what_earlier_rows_spend(importing: Importing) -> None:
    """Also of a customer who is too large for one portion."""
    rows = [f"Invoice,large,{n},2020-05-01,10,,\n" for n in range(400)]
    rows += [f"Payment,large,{n},2020-0{m}-10,6,C,{n}-{m}\n" for n in range(400) for m in (6, 7)]
    tried = await both(importing, "".join(rows), is_dry_run=True)
    done = await both(importing, "".join(rows))
    assert tried.summary == done.summary
    assert sorted(tried.reasons.items()) == sorted(done.reasons.items())
    assert done.counts == {"customers": 1, "invoices": 400, "payments": 400}
    # Of two instalments that are too much together, it is the later that stays out.
    assert sorted(done.reasons) == list(range(403, 1202, 2))


@pytest.mark.parametrize(
    ("row", "column", "code", "advice"),
    [
        ("no,1,2020-05-10,4,C,a", "payment.customer", "NOT_FOUND", "import its invoice first"),
        ("{},9,2020-05-10,4,C,a", "payment.invoice", "NOT_FOUND", "import it first"),
        ("{},1,2020-05-10,10.01,C,a", "payment.amount", "AMOUNT_EXCEEDS_OPEN", "10.00 USD open"),
        ("{},1,2022-05-10,4,C,a", "payment.date", "PERIOD_MISSING", "2022-05-10"),
        ("{},1,2020-05-10,0.001,C,a", "payment.amount", "VALIDATION", "at most 2 decimals"),
        ("{},1,2020-05-10,-4,C,a", "amount", "VALIDATION", "a payment that came back reversed"),
        ("{},1,2020-05-10,0,C,a", "amount", "VALIDATION", "more than zero"),
        (",1,2020-05-10,4,C,a", "customer", "VALIDATION", "no payment.customer"),
        ("{},,2020-05-10,4,C,a", "invoice", "VALIDATION", "no payment.invoice"),
        ("{},1,,4,C,a", "date", "VALIDATION", "no payment.date"),
        ("{},1,2020-05-10,,C,a", "amount", "VALIDATION", "no payment.amount"),
        ("{},1,2020-05-10,4,,a", "method", "VALIDATION", "no payment.method"),
        ("{},1,2020-05-10,4,C,", "reference", "VALIDATION", "no payment.reference"),
        ("{},1,2020-05-10,4,X,a", "method", "VALIDATION", "does not say what this value means"),
    ],
)
async def test_a_payment_that_is_refused(
    importing: Importing, owner: Owner, row: str, column: str, code: str, advice: str
) -> None:
    customer = f"ref{crc32(row.encode())}"
    await importing(f"{customer},1,2020-05-01,10,\n")
    done = await pay(importing, row.format(customer) + f"\n{customer},1,2020-05-10,1,C,good\n")
    assert [(each.line, each.column, each.code) for each in done.refusals] == [(2, column, code)]
    assert advice in done.refusals[0].reason
    assert done.counts == {"payments": 1}
    assert not await owner.fetchval("SELECT count(*) FROM customers WHERE code = 'no'")


async def test_more_than_is_open_by_all_that_came_before(importing: Importing) -> None:
    """By rows of the file, by a settlement, and by what somebody recorded by hand."""
    await importing(
        "open,1,2020-05-01,10,\nopen,2,2020-05-01,10,2020-05-02\nopen,3,2020-05-01,10,\n"
    )
    customer_id = await _id(importing, "open")
    await post(importing, _payment(customer_id, "by hand"))
    done = await pay(
        importing,
        "open,1,2020-05-10,4,C,a\n"
        "open,2,2020-05-10,1,C,b\n"
        "open,3,2020-06-10,9,C,c\nopen,3,2020-05-11,2,C,d\n",
    )
    # The payment by hand took the oldest: 7.00 of the first.
    assert sorted(done.reasons) == [2, 3, 4]
    assert {each.code for each in done.refusals} == {ErrorCode.AMOUNT_EXCEEDS_OPEN}
    assert "The invoice has 0.00 USD open" in done.reasons[3][1]
    assert done.counts == {"payments": 1}


async def test_a_payment_of_another_currency(importing: Importing) -> None:
    await importing("money,1,2020-05-01,10,\n")
    rows = (
        "money,1,2020-05-10,4,C,a,EUR\n"
        "money,1,2020-05-10,4,C,b,USD\n"
        "money,1,2020-05-10,4,C,c,\n"
        "money,1,2020-05-10,4,C,d,Euro\n"
    )
    done = await importing(rows, mapping=IN_DOLLARS, header=IN_DOLLARS_HEADER)
    assert {each.line: (each.column, each.code) for each in done.refusals} == {
        2: ("payment.currency", ErrorCode.CURRENCY_MISMATCH),
        4: ("currency", ErrorCode.VALIDATION),
        5: ("currency", ErrorCode.VALIDATION),
    }
    assert done.counts == {"payments": 1}


async def test_a_payment_of_a_customer_who_is_deleted(importing: Importing, owner: Owner) -> None:
    await importing("gone,1,2020-05-01,10,\n")
    await owner.execute(
        "UPDATE customers SET status = 'DELETED', deleted_at = now() WHERE code = 'gone'"
    )
    done = await pay(importing, "gone,1,2020-05-10,4,C,a\n")
    assert [(each.column, each.code) for each in done.refusals] == [
        ("payment.customer", ErrorCode.CUSTOMER_DELETED)
    ]


async def test_payments_that_share_a_reference(importing: Importing) -> None:
    """Also one from an invoice's own row: it has the invoice's reference."""
    rows = "Payment,same,1,2020-05-10,1,C,x\nPayment,same,1,2020-05-11,1,C,x\n"
    rows += "Payment,same,1,2020-05-11,1,C,y\nInvoice,same,1,2020-05-01,10,,\n"
    done = await both(importing, rows)
    advice = "has the same customer and reference. Give each payment one of its own."
    assert done.reasons == {2: ("", f"Line 3 {advice}"), 3: ("", f"Line 2 {advice}")}
    assert done.counts == {"customers": 1, "invoices": 1, "payments": 1}


async def test_a_payment_that_says_something_else_now(importing: Importing) -> None:
    await importing("other,1,2020-05-01,10,\n")
    await pay(importing, "other,1,2020-05-10,4,C,a\n")
    done = await pay(importing, "other,1,2020-05-11,4,C,a\nother,1,2020-05-10,4.00,C,a\n")
    assert [each.line for each in done.refusals] == [2, 3]  # one reference, two rows
    for row in ("other,1,2020-05-11,4,C,a\n", "other,1,2020-05-10,5,C,a\n"):
        done = await pay(importing, row)
        assert [(each.column, each.code) for each in done.refusals] == [
            ("payment.reference", ErrorCode.CONFLICT)
        ]
        assert "of 2020-05-10 over 4.00" in done.refusals[0].reason
        assert f"this row is of {row.split(',')[2]} over {row.split(',')[3]}" in (
            done.refusals[0].reason
        )


async def test_a_payment_whose_invoice_is_refused(importing: Importing) -> None:
    rows = "Invoice,lost,1,2020-05-01,x,,\nPayment,lost,1,2020-05-10,4,C,a\n"
    rows += "Invoice,lost,2,2020-05-01,5,,\n"
    done = await both(importing, rows)
    assert {each.line: each.code for each in done.refusals} == {
        2: ErrorCode.VALIDATION,
        3: ErrorCode.NOT_FOUND,
    }
    assert done.counts == {"customers": 1, "invoices": 1}


async def test_a_row_that_is_an_invoice_and_a_payment(importing: Importing) -> None:
    mapping = BOTH.replace('Invoice = "", Payment = "yes"', 'Invoice = "yes", Payment = "yes"')
    row = "Invoice,which,1,2020-05-01,5,C,a\nReminder,which,2,2020-05-01,5,C,a\n"
    done = await importing(row, mapping=mapping, header=BOTH_HEADER)
    assert done.reasons == {
        2: ("kind", "By the mapping this is an invoice and a payment."),
        3: ("kind", "The mapping does not say what this value means."),
    }


# What was posted otherwise than by an import.


async def test_an_invoice_that_was_posted_otherwise_is_there(importing: Importing) -> None:
    customer_id = await make_customer(importing.database, code="api", currency="USD")
    await importing("years,1,2020-05-01,10,\n")
    await post(importing, invoice(customer_id, "R-1"))
    await post(importing, invoice(customer_id, None))
    number = await _number(importing, customer_id)
    done = await importing(
        f"api,R-1,2020-05-01,10,\napi,{number},2020-05-01,10.00,\napi,R-1x,2020-05-01,10,\n"
    )
    assert [each.line for each in done.there] == [2, 3]
    assert number in done.there[1].reason
    assert done.counts == {"invoices": 1, "rows_already_there": 2}
    again = await importing("api,R-1,2020-05-01,11,\n")
    assert [each.code for each in again.refusals] == [ErrorCode.CONFLICT]


async def test_a_number_names_only_what_has_no_reference(importing: Importing) -> None:
    """The file's numbers may be those that the books gave to others of its invoices."""
    await importing("numbers,N-1,2020-05-01,10,\n")
    number = await _number(importing, await _id(importing, "numbers"))
    done = await importing(f"numbers,{number},2020-05-01,10,\n")
    assert done.counts == {"invoices": 1}


async def test_payments_of_invoices_that_were_posted_otherwise(
    importing: Importing, owner: Owner
) -> None:
    customer_id = await make_customer(importing.database, code="posted", currency="USD")
    await importing("years,1,2020-05-01,10,\n")
    await post(importing, invoice(customer_id, "P-1"))
    await post(importing, invoice(customer_id, None))
    await post(importing, invoice(customer_id, "P-2"))
    await post(importing, invoice(customer_id, "P-2"))
    number = await owner.fetchval(
        "SELECT number FROM ledger_entries WHERE customer_id = $1 AND external_reference IS NULL",
        customer_id,
    )
    done = await pay(
        importing,
        f"posted,P-1,2020-05-10,4,C,a\nposted,{number},2020-05-10,3,C,b\nposted,P-2,2020-05-10,3,C,c\n",
    )
    assert {each.line: each.code for each in done.refusals} == {4: ErrorCode.CONFLICT}
    assert "record the payment by hand" in done.refusals[0].reason
    assert [each[:3] for each in await settled(owner, "posted")] == [
        ("P-1", "a", Decimal("4.00")),
        (None, "b", Decimal("3.00")),
    ]


async def test_a_payment_that_was_recorded_otherwise_is_there(importing: Importing) -> None:
    await importing("paid,1,2020-05-01,10,\n")
    await post(importing, _payment(await _id(importing, "paid"), "ours"))
    done = await pay(importing, "paid,1,2020-05-03,7,C,ours\npaid,1,2020-05-03,3,C,other\n")
    assert [each.line for each in done.there] == [2]
    assert done.counts == {"payments": 1, "rows_already_there": 1}


def _payment(customer_id: UUID, reference: str) -> RecordPayment:
    return RecordPayment(
        customer_id=customer_id,
        transaction_date=date(2020, 5, 3),
        amount=Decimal(7),
        method=PaymentMethod.CASH,
        external_reference=reference,
    )


async def _id(importing: Importing, code: str) -> UUID:
    async with importing.database.transaction() as tx:
        found: UUID = await tx.connection.fetchval("SELECT id FROM customers WHERE code = $1", code)
    return found


async def _number(importing: Importing, customer_id: UUID) -> str:
    async with importing.database.transaction() as tx:
        number: str = await tx.connection.fetchval(
            "SELECT number FROM ledger_entries WHERE customer_id = $1 ORDER BY id DESC LIMIT 1",
            customer_id,
        )
    return number
