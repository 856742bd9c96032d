"""What each kind of run finds of what a superuser changes by SQL: one customer for each change.

`FULL`: a run over everything. `NIGHTLY`: an incremental run over accounts that were proved before,
when only the refusal to change history was taken away. `BARE`: the same when every trigger was.
What is found by nothing is here, too: docs/adr/0020-what-a-proof-covers.md says why.
"""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from app.domain.invoice import LineItem
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.invoices import PostInvoice
from tests.factories import DAY
from tests.services.reconciliation.runs import findings, reconcile

FULL, NIGHTLY, BARE = "FULL", "NIGHTLY", "BARE"
ALL = frozenset({FULL, NIGHTLY, BARE})
MARKED = frozenset({FULL, NIGHTLY})
WEEKLY = frozenset({FULL})
NONE: frozenset[str] = frozenset()

ENTRY = "UPDATE ledger_entries SET {} WHERE id = $1"
INVOICE_LINE = "UPDATE entry_lines SET {} WHERE entry_id = $1 AND line_number = 1"
ALLOCATION = "UPDATE allocations SET {} WHERE credit_id = $2"
JOURNAL = "UPDATE journal_lines SET {} WHERE source_id = $1 AND account = '{}'"
ITEM = "UPDATE open_items SET {} WHERE entry_id = $1"
ACCOUNT = "UPDATE accounts SET {} WHERE customer_id = $4"

BETWEEN_ENTRIES = (
    "UPDATE journal_lines SET debit = CASE WHEN debit > 0 THEN debit + CASE source_id "
    "WHEN $1 THEN 7 ELSE -7 END ELSE debit END, credit = CASE WHEN credit > 0 AND account = "
    "'REVENUE' THEN credit + CASE source_id WHEN $1 THEN 7 ELSE -7 END ELSE credit END "
    "WHERE source_id IN ($1, (SELECT id FROM ledger_entries "
    "WHERE customer_id = $4 AND sequence = 2))"
)
NOTE_TAX_AS_RETURNS = (
    "UPDATE journal_lines SET account = 'SALES_RETURNS', tax_rate = NULL "
    "WHERE source_id = $3 AND account = 'TAX_PAYABLE'"
)
NOTE_BY_A_CENT = (
    "UPDATE journal_lines SET debit = debit + CASE account WHEN 'TAX_PAYABLE' THEN 0.01 "
    "ELSE -0.01 END WHERE source_id = $3 AND debit > 0"
)
ADDED = (
    "INSERT INTO journal_lines (customer_id, source_id, line_number, source, account, debit, "
    "credit, currency, accounting_date) SELECT customer_id, source_id, n, source, "
    "CASE n WHEN 8 THEN 'REVENUE' ELSE 'BAD_DEBT' END, CASE n WHEN 8 THEN 7.00 ELSE 0.00 END, "
    "CASE n WHEN 8 THEN 0.00 ELSE 7.00 END, currency, accounting_date "
    "FROM journal_lines, generate_series(8, 9) n WHERE source_id = $1 AND line_number = 1"
)
# Its journal moves with it, and only its entries show that it cannot be of that day.
BEFORE_ITS_ENTRIES = (
    ", moved AS (UPDATE journal_lines SET accounting_date = accounting_date - 1 "
    "WHERE source_id IN (SELECT id FROM allocations WHERE credit_id = $2)) "
    "UPDATE allocations SET accounting_date = accounting_date - 1 WHERE credit_id = $2"
)
OF_ALLOCATION = (
    "UPDATE journal_lines SET account = 'CASH' WHERE account = 'CUSTOMER_ADVANCES' "
    "AND source_id IN (SELECT id FROM allocations WHERE credit_id = $2)"
)

# Each with the invoice as $1, the payment that settles a part of it as $2, the credit note against
# it as $3 and the customer as $4.
TAMPERINGS: dict[str, tuple[str, frozenset[str]]] = {
    # Entries: whatever the hash covers.
    "entry.amount": (ENTRY.format("amount = amount + 1"), MARKED),
    "entry.type": (ENTRY.format("type = 'DEBIT_NOTE'"), MARKED),
    "entry.number": (ENTRY.format("number = 'X-' || id"), MARKED),
    "entry.transaction_date": (ENTRY.format("transaction_date = transaction_date - 1"), MARKED),
    "entry.due_date": (ENTRY.format("due_date = due_date + 30"), MARKED),
    "entry.posted_at": (ENTRY.format("posted_at = posted_at - interval '1 day'"), MARKED),
    "entry.payment_method": (ENTRY.format("payment_method = 'CASH'"), MARKED),
    "entry.reference_type": (ENTRY.format("reference_type = 'EXTERNAL'"), MARKED),
    "entry.related_entry_id": (ENTRY.format("related_entry_id = $2"), MARKED),
    "entry.sequence": (ENTRY.format("sequence = 900"), ALL),
    "entry.hash": (ENTRY.format("hash = sha256('x')"), MARKED),
    "entry.previous_hash": (ENTRY.format("previous_hash = sha256('x')"), MARKED),
    # Entries: texts and who posted are not hashed yet.
    "entry.description": (ENTRY.format("description = 'other'"), NONE),
    "entry.reason": (ENTRY.format("reason = 'other'"), NONE),
    "entry.external_reference": (ENTRY.format("external_reference = 'other'"), NONE),
    "entry.period_id": (
        ENTRY.format("period_id = (SELECT id FROM accounting_periods WHERE name = 'FY2026')"),
        NONE,
    ),
    # Lines.
    "line.quantity": (INVOICE_LINE.format("quantity = 2"), MARKED),
    "line.unit_price": (INVOICE_LINE.format("unit_price = 2"), MARKED),
    "line.discount": (INVOICE_LINE.format("discount = 1.00"), MARKED),
    "line.tax_rate": (INVOICE_LINE.format("tax_rate = 0.07"), MARKED),
    "line.total": (INVOICE_LINE.format("total = total + 1"), MARKED),
    "line.deleted": ("DELETE FROM entry_lines WHERE entry_id = $1 AND line_number = 2", MARKED),
    "line.description": (INVOICE_LINE.format("description = 'other'"), NONE),
    # Allocations: what shows in an open amount, a journal or a date that cannot be.
    "allocation.amount": (ALLOCATION.format("amount = amount + 1"), MARKED),
    "allocation.debit_id": (
        ALLOCATION.format(
            "debit_id = (SELECT id FROM ledger_entries WHERE customer_id = $4 AND sequence = 2)"
        ),
        MARKED,
    ),
    "allocation.credit_id": (ALLOCATION.format("credit_id = $3"), MARKED),
    "allocation.accounting_date": (
        ALLOCATION.format("accounting_date = accounting_date + 1"),
        MARKED,
    ),
    "allocation.before_its_entries": (BEFORE_ITS_ENTRIES, MARKED),
    "allocation.reason": (ALLOCATION.format("reason = 'other'"), NONE),
    "allocation.allocated_at": (ALLOCATION.format("allocated_at = 'infinity'"), NONE),
    # Journal.
    "journal.out_of_balance": (JOURNAL.format("credit = credit + 7", "REVENUE"), MARKED),
    "journal.between_entries": (BETWEEN_ENTRIES, MARKED),
    "journal.revenue_as_tax": (
        JOURNAL.format("account = 'TAX_PAYABLE', tax_rate = 0.19", "REVENUE"),
        MARKED,
    ),
    "journal.tax_as_revenue": (
        JOURNAL.format("account = 'REVENUE', tax_rate = NULL", "TAX_PAYABLE"),
        MARKED,
    ),
    "journal.tax_of_another_rate": (JOURNAL.format("tax_rate = 0.07", "TAX_PAYABLE"), MARKED),
    "journal.cash_as_bad_debt": (
        "UPDATE journal_lines SET account = 'BAD_DEBT' WHERE source_id = $2 AND account = 'CASH'",
        MARKED,
    ),
    "journal.note_tax_as_returns": (NOTE_TAX_AS_RETURNS, MARKED),
    "journal.note_by_a_cent": (NOTE_BY_A_CENT, MARKED),
    "journal.accounting_date": (
        JOURNAL.format("accounting_date = accounting_date - 31", "REVENUE"),
        MARKED,
    ),
    "journal.deleted": ("DELETE FROM journal_lines WHERE source_id = $1", MARKED),
    "journal.added": (ADDED, WEEKLY),
    "journal.allocation": (OF_ALLOCATION, MARKED),
    # Projections. Their sums are compared for all accounts, each item only where it is looked at.
    "item.open_amount": (ITEM.format("open_amount = open_amount - 1"), ALL),
    "item.is_debit": (ITEM.format("is_debit = false"), ALL),
    "item.due_date": (ITEM.format("due_date = due_date + 30"), WEEKLY),
    "item.accounting_date": (ITEM.format("accounting_date = accounting_date + 30"), WEEKLY),
    "item.deleted": ("DELETE FROM open_items WHERE entry_id = $1", ALL),
    "account.pending": (ACCOUNT.format("pending = pending + 1"), ALL),
    "account.advance": (ACCOUNT.format("advance = advance + 1"), ALL),
    "account.sequence": (ACCOUNT.format("sequence = sequence - 1"), ALL),
    "account.head_hash": (ACCOUNT.format("head_hash = sha256('x')"), ALL),
    "account.verified_sequence": (ACCOUNT.format("verified_sequence = 900"), ALL),
    "account.verified_hash": (ACCOUNT.format("verified_hash = sha256('x')"), ALL),
    "account.credit_limit": (ACCOUNT.format("credit_limit = 900.00"), NONE),
    # The trail, and what keys have answered.
    "audit.deleted": ("DELETE FROM audit_events WHERE subject_id = $1", NONE),
    "audit.actor": ("UPDATE audit_events SET actor_id = NULL WHERE subject_id = $1", NONE),
    "idempotency.result": (
        "UPDATE idempotency_keys SET result = '{}' WHERE result::text LIKE '%' || $1::uuid || '%'",
        NONE,
    ),
}


@dataclass(frozen=True)
class History:
    invoice: object
    payment: object
    note: object
    customer: object


async def a_history(ledger) -> History:
    """An invoice with tax at two rates, another, a payment and a credit note that use the first."""
    customer = await ledger.customer()
    lines = tuple(
        LineItem(
            description="work",
            quantity=Decimal(1),
            unit_price=Decimal(price),
            tax_rate=Decimal(rate),
        )
        for price, rate in (("100.00", "0.19"), ("50.00", "0.07"))
    )
    posted = await ledger.books.post(
        PostInvoice(customer_id=customer, transaction_date=DAY, line_items=lines)
    )
    invoice = posted.entry_ids[0]
    await ledger.post(customer, "300.00")
    payment = await ledger.post(customer, "-60.00")
    await ledger.allocate(customer, payment, invoice, "40.00")
    note = await ledger.books.post(
        IssueCreditNote(
            customer_id=customer,
            transaction_date=DAY,
            amount=Decimal("33.33"),
            against=invoice,
            reason="damaged",
        )
    )
    await ledger.post(customer, "5.00")
    return History(invoice, payment, note.entry_ids[0], customer)


TABLES = ("ledger_entries", "entry_lines", "allocations", "journal_lines", "audit_events")


@pytest.mark.parametrize("kind", [FULL, NIGHTLY, BARE])
async def test_the_table(database, owner, ledger, kind):
    histories = {name: await a_history(ledger) for name in TAMPERINGS}
    untouched = await a_history(ledger)
    assert await findings(owner, await reconcile(database)) == {}
    for table in TABLES:
        guards = "USER" if kind == BARE else "append_only"
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guards}")
    for name, (statement, _) in TAMPERINGS.items():
        of = histories[name]
        given = (of.invoice, of.payment, of.note, of.customer)
        done = await owner.execute(
            "WITH of AS (SELECT $1::uuid, $2::uuid, $3::uuid, $4::uuid) " + statement, *given
        )
        assert not done.endswith(" 0"), name
    found = await findings(owner, await reconcile(database, incremental=kind != FULL))
    assert untouched.customer not in found
    expected = {name for name, (_, runs) in TAMPERINGS.items() if kind in runs}
    assert {name for name, of in histories.items() if of.customer in found} == expected


@pytest.mark.parametrize("incremental", [True, False])
async def test_a_chain_made_anew_as_a_whole_does_not_lead_through_the_last_proof(
    database, owner, ledger, incremental
):
    """Every hash fits, the account's too: but what was proved was another chain."""
    of = await a_history(ledger)
    await reconcile(database)
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute(
        "UPDATE ledger_entries SET due_date = due_date + 30 WHERE id = $1", of.invoice
    )
    await owner.execute(
        "UPDATE open_items SET due_date = due_date + 30 WHERE entry_id = $1", of.invoice
    )
    await rehash(owner, of.customer)
    found = await findings(owner, await reconcile(database, incremental=incremental))
    assert set(found) == {of.customer}


@pytest.mark.parametrize("incremental", [True, False])
async def test_the_last_entry_taken_out_without_a_trace_in_the_ledger(
    database, owner, ledger, incremental
):
    """The account is put back to what it was before: the trail still tells of the entry."""
    of = await a_history(ledger)
    before = await owner.fetchrow("SELECT * FROM accounts WHERE customer_id = $1", of.customer)
    entry = await ledger.post(of.customer, "9.00")
    for table in TABLES:
        await owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for statement in (
        "DELETE FROM journal_lines WHERE source_id = $1",
        "DELETE FROM entry_lines WHERE entry_id = $1",
        "DELETE FROM open_items WHERE entry_id = $1",
        "DELETE FROM ledger_entries WHERE id = $1",
    ):
        await owner.execute(statement, entry)
    await owner.execute(
        "UPDATE accounts SET pending = $2, sequence = $3, head_hash = $4, "
        "verified_change_number = change_number WHERE customer_id = $1",
        of.customer,
        before["pending"],
        before["sequence"],
        before["head_hash"],
    )
    found = await findings(owner, await reconcile(database, incremental=incremental))
    assert set(found) == {of.customer}


async def rehash(owner, customer):
    """Make every hash of a chain, and the account's head, those of what is stored now."""
    previous = bytes(32)
    for row in await owner.fetch(
        "SELECT id FROM ledger_entries WHERE customer_id = $1 ORDER BY sequence", customer
    ):
        await owner.execute(
            "UPDATE ledger_entries SET previous_hash = $2 WHERE id = $1", row["id"], previous
        )
        previous = await owner.fetchval(
            "UPDATE ledger_entries e SET hash = entry_hash(e) WHERE id = $1 RETURNING hash",
            row["id"],
        )
    await owner.execute(
        "UPDATE accounts SET head_hash = $2 WHERE customer_id = $1", customer, previous
    )
