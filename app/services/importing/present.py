"""What is in the books already of what a chunk brings: looked up set-based, in its transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from app.domain.customer import CustomerStatus
from app.domain.ledger import EntryType
from app.infra.database import Statement, Transaction
from app.services.locks import ADVISORY_CLASS

_IMPORT_GATE = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A customer that exists."""

    id: UUID
    currency: str
    status: CustomerStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """An entry that an import brought in, with what it still has open. `amount` is unsigned."""

    id: UUID
    amount: Decimal
    open_amount: Decimal
    dated: date


async def one_at_a_time(tx: Transaction) -> None:
    """Wait for other imports, and for what is left of a killed one, and keep new ones waiting.

    Held by the transaction that posts, so it outlasts a program that was killed while it committed:
    whoever comes next sees what that wrote. Taken before every other lock.
    """
    await tx.execute(_GATE)


async def accounts(tx: Transaction, codes: Iterable[str]) -> dict[str, Account]:
    """Those of the customers that exist, by code."""
    rows = await tx.fetch(_ACCOUNTS, codes=list(codes))
    return {
        row["code"]: Account(
            id=row["id"], currency=row["currency"], status=CustomerStatus(row["status"])
        )
        for row in rows
    }


async def imported(
    tx: Transaction, references: Sequence[tuple[UUID, str]]
) -> dict[tuple[UUID, EntryType, str], Imported]:
    """What was imported before under these references, by customer, type and reference."""
    rows = await tx.fetch(
        _IMPORTED,
        customer_ids=[customer_id for customer_id, _ in references],
        references=[reference for _, reference in references],
    )
    return {
        (row["customer_id"], EntryType(row["type"]), row["external_reference"]): Imported(
            id=row["id"],
            amount=row["amount"],
            open_amount=row["open_amount"],
            dated=row["transaction_date"],
        )
        for row in rows
    }


_GATE = Statement(text(f"SELECT pg_advisory_xact_lock({ADVISORY_CLASS}, {_IMPORT_GATE})"))
_ACCOUNTS = Statement(
    text(
        "SELECT id, code, currency, status FROM customers WHERE code = ANY(CAST(:codes AS text[]))"
    )
)
# One look into the unique index of imported entries for each: OFFSET 0 keeps the planner, which
# knows nothing yet of the tables of a new database, from reading all entries instead.
_IMPORTED = Statement(
    text("""
    SELECT wanted.customer_id, entry.id, entry.type, wanted.reference AS external_reference,
        abs(entry.amount) AS amount, entry.transaction_date,
        coalesce((
            SELECT open_amount FROM open_items
            WHERE open_items.customer_id = wanted.customer_id AND open_items.entry_id = entry.id
        ), 0) AS open_amount
    FROM unnest(CAST(:customer_ids AS uuid[]), CAST(:references AS text[]))
            AS wanted (customer_id, reference)
        CROSS JOIN (VALUES ('INVOICE'), ('PAYMENT')) AS kind (type)
        CROSS JOIN LATERAL (
            SELECT * FROM ledger_entries
            WHERE ledger_entries.customer_id = wanted.customer_id
                AND ledger_entries.type = kind.type
                AND ledger_entries.external_reference = wanted.reference
                AND ledger_entries.reference_type = 'IMPORT'
            OFFSET 0
        ) AS entry
    """)
)
