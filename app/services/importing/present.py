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
class Present:
    """An entry of the books, with what it still has open. `amount` is unsigned."""

    id: UUID
    number: str
    amount: Decimal
    open_amount: Decimal
    dated: date

    def says(self, amount: Decimal, dated: date) -> bool:
        """Whether it is of this amount and date."""
        return (self.amount, self.dated) == (amount, dated)


Named = tuple[UUID, EntryType, str]
"""What a file calls an entry: by customer, type and reference."""


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


async def entries(tx: Transaction, names: Sequence[Named]) -> dict[Named, list[Present]]:
    """What the books have under these names, oldest first, whoever posted it.

    An entry without a reference is called by its number.
    """
    rows = await tx.fetch(
        LOOK_UP,
        customer_ids=[customer_id for customer_id, _, _ in names],
        types=[str(kind) for _, kind, _ in names],
        references=[reference for _, _, reference in names],
    )
    found: dict[Named, list[Present]] = {}
    for row in rows:
        name = row["customer_id"], EntryType(row["type"]), row["reference"]
        found.setdefault(name, []).append(
            Present(
                id=row["id"],
                number=row["number"],
                amount=row["amount"],
                open_amount=row["open_amount"],
                dated=row["transaction_date"],
            )
        )
    return found


_GATE = Statement(text(f"SELECT pg_advisory_xact_lock({ADVISORY_CLASS}, {_IMPORT_GATE})"))
_ACCOUNTS = Statement(
    text(
        "SELECT id, code, currency, status FROM customers WHERE code = ANY(CAST(:codes AS text[]))"
    )
)
# One look for each name into the unique index of imported entries, into that of references given
# otherwise, and into that of numbers: OFFSET 0 keeps the planner, which knows nothing yet of the
# tables of a new database, from reading all entries instead.
LOOK_UP = Statement(
    text("""
    SELECT wanted.customer_id, wanted.type, wanted.reference, entry.id, entry.number,
        abs(entry.amount) AS amount, entry.transaction_date,
        coalesce((
            SELECT open_amount FROM open_items
            WHERE open_items.customer_id = wanted.customer_id AND open_items.entry_id = entry.id
        ), 0) AS open_amount
    FROM unnest(CAST(:customer_ids AS uuid[]), CAST(:types AS text[]), CAST(:references AS text[]))
            AS wanted (customer_id, type, reference)
        CROSS JOIN LATERAL (
            (SELECT * FROM ledger_entries
            WHERE ledger_entries.customer_id = wanted.customer_id
                AND ledger_entries.type = wanted.type
                AND ledger_entries.external_reference = wanted.reference
                AND ledger_entries.reference_type = 'IMPORT'
            OFFSET 0)
            UNION ALL
            (SELECT * FROM ledger_entries
            WHERE ledger_entries.customer_id = wanted.customer_id
                AND ledger_entries.external_reference = wanted.reference
                AND ledger_entries.type = wanted.type
                AND ledger_entries.reference_type IS DISTINCT FROM 'IMPORT'
            OFFSET 0)
            UNION ALL
            (SELECT * FROM ledger_entries
            WHERE ledger_entries.number = wanted.reference
                AND ledger_entries.customer_id = wanted.customer_id
                AND ledger_entries.type = wanted.type
                AND ledger_entries.external_reference IS NULL
            OFFSET 0)
        ) AS entry
    ORDER BY entry.id
    """)
)
