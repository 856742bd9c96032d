"""Writing what was decided: every row of a posting in one statement, in its final state."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.domain import journal
from app.domain.facts import Decision
from app.domain.journal import JournalLine
from app.domain.subledger import KnownEntry, MadeAllocation, PostedEntry, SubLedger
from app.infra.database import Transaction
from app.policies.actor import Actor
from app.services import audit
from app.services.json_text import json_text
from app.services.ledger.write_statement import WRITE

Row = dict[str, Any]


async def write(
    tx: Transaction,
    actor: Actor,
    decision: Decision,
    ledgers: Sequence[SubLedger],
    *,
    operation: str,
    key: str,
    result: str,
) -> None:
    """Write the decision and complete the idempotency row. Every row counted: all, or it raises."""
    rows = {
        "entries": [_entry(entry) for entry in decision.entries],
        "lines": [row for entry in decision.entries for row in _lines(entry)],
        "allocations": [_allocation(each) for each in decision.allocations],
        "journal": _journal(decision),
        **_projections(ledgers),
        "events": [
            *(_event_of_entry(entry) for entry in decision.entries),
            *(_event_of_allocation(each) for each in decision.allocations),
        ],
        "audit": _audit(decision),
    }
    written = await tx.fetchrow(
        WRITE,
        actor_id=actor.user_id,
        key=key,
        operation=operation,
        request_id=actor.request_id,
        policy_version=audit.policy_version(actor),
        result=result,
        **{name: json_text(each) for name, each in rows.items()},
    )
    expected = {name: len(each) for name, each in rows.items()} | {"answered": 1}
    if written is None or dict(written) != expected:
        raise AssertionError(f"a posting wrote {written} rows where {expected} must be")


def _entry(entry: PostedEntry) -> Row:
    draft = entry.draft
    return {
        "customer_id": draft.customer_id,
        "id": entry.id,
        "sequence": entry.sequence,
        "number": entry.number,
        "type": draft.type,
        "amount": _plain(entry.amount),
        "currency": entry.currency,
        "transaction_date": draft.transaction_date,
        "due_date": entry.due_date,
        "period_id": entry.period_id,
        "description": draft.description,
        "reason": draft.reason,
        "payment_method": draft.payment_method,
        "reference_type": draft.reference_type,
        "related_entry_id": draft.against,
        "external_reference": draft.external_reference,
        "posted_at": entry.posted_at,
        "previous_hash": entry.previous_hash.hex(),
        "hash": entry.hash.hex(),
    }


def _lines(entry: PostedEntry) -> list[Row]:
    return [
        {
            "customer_id": entry.draft.customer_id,
            "entry_id": entry.id,
            "line_number": number,
            "product_id": line.figures.product_id,
            "description": line.description,
            "quantity": _plain(line.figures.quantity),
            "unit_price": _plain(line.figures.unit_price),
            "discount": _plain(line.figures.discount),
            "tax_rate": _plain(line.figures.tax_rate),
            "total": _plain(line.figures.total),
            "currency": entry.currency,
        }
        for number, line in enumerate(entry.lines, start=1)
    ]


def _allocation(each: MadeAllocation) -> Row:
    return {
        "customer_id": each.customer_id,
        "id": each.id,
        "credit_id": each.credit_id,
        "debit_id": each.debit_id,
        "amount": _plain(each.amount),
        "currency": each.currency,
        "undoes_id": each.undoes_id,
        "accounting_date": each.accounting_date,
        "reason": each.reason,
        "allocated_at": each.allocated_at,
    }


def _journal(decision: Decision) -> list[Row]:
    rows: list[Row] = []
    for entry in decision.entries:
        draft = entry.draft
        lines = journal.of_entry(entry.amount, entry.contra)
        shared = {
            "customer_id": draft.customer_id,
            "source_id": entry.id,
            "source": "ENTRY",
            "currency": entry.currency,
            "accounting_date": draft.transaction_date,
        }
        rows.extend(_journal_rows(shared, lines))
    for each in decision.allocations:
        shared = {
            "customer_id": each.customer_id,
            "source_id": each.id,
            "source": "ALLOCATION",
            "currency": each.currency,
            "accounting_date": each.accounting_date,
        }
        rows.extend(_journal_rows(shared, journal.of_allocation(each.amount)))
    return rows


def _journal_rows(shared: Row, lines: Sequence[JournalLine]) -> list[Row]:
    return [
        {
            **shared,
            "line_number": number,
            "account": line.account,
            "amount": _plain(line.amount),
            "tax_rate": None if line.tax_rate is None else _plain(line.tax_rate),
        }
        for number, line in enumerate(lines, start=1)
    ]


def _projections(ledgers: Sequence[SubLedger]) -> dict[str, list[Row]]:
    opened: list[Row] = []
    changed: list[Row] = []
    closed: list[Row] = []
    for ledger in ledgers:
        customer_id = ledger.account.customer_id
        inserted, updated, deleted = ledger.changed_items()
        opened.extend(_opened(entry, customer_id, ledger.account.currency) for entry in inserted)
        changed.extend(
            {
                "customer_id": customer_id,
                "entry_id": entry.id,
                "open_amount": _plain(entry.open_amount),
            }
            for entry in updated
        )
        closed.extend({"customer_id": customer_id, "entry_id": entry_id} for entry_id in deleted)
    accounts = [
        {
            "customer_id": ledger.account.customer_id,
            "pending": _plain(ledger.account.pending),
            "advance": _plain(ledger.account.advance),
            "sequence": ledger.account.sequence,
            "head_hash": ledger.account.head_hash.hex(),
        }
        for ledger in ledgers
    ]
    return {"opened": opened, "changed": changed, "closed": closed, "accounts": accounts}


def _opened(entry: KnownEntry, customer_id: UUID, currency: str) -> Row:
    return {
        "customer_id": customer_id,
        "entry_id": entry.id,
        "is_debit": entry.is_debit,
        "open_amount": _plain(entry.open_amount),
        "currency": currency,
        "due_date": entry.due_date,
        "accounting_date": entry.accounting_date,
    }


def _event_of_entry(entry: PostedEntry) -> Row:
    payload = {"customerId": entry.draft.customer_id, "entryId": entry.id}
    return {"topic": "event.entry_posted", "payload": payload}


def _event_of_allocation(each: MadeAllocation) -> Row:
    name = "allocation_made" if each.undoes_id is None else "allocation_undone"
    payload = {"customerId": each.customer_id, "allocationId": each.id}
    return {"topic": f"event.{name}", "payload": payload}


def _audit(decision: Decision) -> list[Row]:
    """One event per entry, and one per allocation that no new entry brought with it."""
    new = {entry.id for entry in decision.entries}
    events: list[Row] = [
        {
            "subject_type": "LedgerEntry",
            "subject_id": entry.id,
            "customer_id": entry.draft.customer_id,
            "reason": None,
            "after": {"number": entry.number, "amount": _plain(entry.amount)},
        }
        for entry in decision.entries
    ]
    events.extend(
        {
            "subject_type": "Allocation",
            "subject_id": each.id,
            "customer_id": each.customer_id,
            "reason": each.reason,
            "after": {"amount": _plain(each.amount), "undoesId": each.undoes_id},
        }
        for each in decision.allocations
        if each.credit_id not in new
    )
    return events


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"
