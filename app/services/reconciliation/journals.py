"""Reading the journal of entries and their allocations, and which of it is not what they book."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from app.domain.booked import BookedEntry, allocation_is_booked, entry_is_booked
from app.domain.booking import Contra
from app.domain.hashing import LineFigures
from app.domain.journal import JournalLine
from app.domain.ledger import GeneralLedgerAccount
from app.infra.database import Row, Statement, Transaction

_JOURNAL = """(
    SELECT json_agg(json_build_array(j.account, CAST(j.debit - j.credit AS text),
        CAST(j.tax_rate AS text)) ORDER BY j.line_number)
    FROM journal_lines j WHERE j.customer_id = {source}.customer_id AND j.source_id = {source}.id
)"""
# A line in another currency, of another date, or hung on the wrong kind of source.
_MISPLACED = """EXISTS (
    SELECT FROM journal_lines j
    WHERE j.customer_id = {source}.customer_id AND j.source_id = {source}.id
        AND (j.source, j.currency, j.accounting_date) <> ('{kind}', {source}.currency, {date})
)"""
# What an entry has booked but receivable and advances, as `booking` needs it.
_CONTRA = """(
    SELECT json_agg(json_build_array(j.account, CAST(abs(j.debit - j.credit) AS text),
        CAST(j.tax_rate AS text)) ORDER BY n.sequence, j.line_number)
    FROM ledger_entries n JOIN journal_lines j
        ON j.customer_id = n.customer_id AND j.source_id = n.id
    WHERE n.customer_id = e.customer_id AND {which}
        AND j.account NOT IN ('ACCOUNTS_RECEIVABLE', 'CUSTOMER_ADVANCES')
)"""
_EARLIER = (
    "n.related_entry_id = e.related_entry_id AND n.type = 'CREDIT_NOTE' AND n.sequence < e.sequence"
)

_RANGES = """
    unnest(CAST(:customers AS uuid[]), CAST(:after AS bigint[]), CAST(:until AS bigint[]))
        AS r (customer_id, after, until)
    CROSS JOIN LATERAL (
        SELECT * FROM ledger_entries e WHERE e.customer_id = r.customer_id
            AND e.sequence > r.after AND e.sequence <= r.until
        ORDER BY e.sequence
    ) AS e
"""
_ENTRIES = Statement(
    text(f"""
    SELECT e.customer_id, e.id AS entry_id, e.sequence, e.type, e.amount, e.currency,
        e.related_entry_id IS NOT NULL AS is_against,
        (
            SELECT json_agg(json_build_array(CAST(l.quantity AS text), CAST(l.unit_price AS text),
                CAST(l.discount AS text), CAST(l.tax_rate AS text), CAST(l.total AS text))
                ORDER BY l.line_number)
            FROM entry_lines l WHERE l.customer_id = e.customer_id AND l.entry_id = e.id
        ) AS lines,
        {_JOURNAL.format(source="e")} AS journal,
        {_MISPLACED.format(source="e", kind="ENTRY", date="e.transaction_date")} AS is_misplaced,
        CASE WHEN e.related_entry_id IS NOT NULL
            THEN {_CONTRA.format(which="n.id = e.related_entry_id")} END AS debit_booked,
        CASE WHEN e.related_entry_id IS NOT NULL
            THEN {_CONTRA.format(which=_EARLIER)} END AS earlier_returned
    FROM {_RANGES}
    """)  # noqa: S608 - put together from constants
)
_ALLOCATIONS = Statement(
    text(f"""
    SELECT e.customer_id, e.id AS entry_id, e.sequence, l.amount,
        {_JOURNAL.format(source="l")} AS journal,
        {_MISPLACED.format(source="l", kind="ALLOCATION", date="l.accounting_date")} AS is_misplaced
    FROM {_RANGES}
        JOIN LATERAL (
            SELECT * FROM allocations l WHERE l.customer_id = e.customer_id AND l.credit_id = e.id
        ) AS l ON true
    """)  # noqa: S608 - put together from constants
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """The entries of a customer after one sequence until another."""

    customer_id: UUID
    after: int
    until: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Misbooked:
    """An entry whose journal is not what it books, or that of an allocation which uses it."""

    customer_id: UUID
    entry_id: UUID
    sequence: int


async def misbooked(tx: Transaction, ranges: Sequence[Range]) -> list[Misbooked]:
    """Each source of these entries that is booked wrong. What only grows needs no snapshot."""
    given = {
        "customers": [each.customer_id for each in ranges],
        "after": [each.after for each in ranges],
        "until": [each.until for each in ranges],
    }
    entries = [row for row in await tx.fetch(_ENTRIES, **given) if not _entry_is_booked(row)]
    allocations = [
        row for row in await tx.fetch(_ALLOCATIONS, **given) if not _allocation_is_booked(row)
    ]
    return [
        Misbooked(
            customer_id=row["customer_id"], entry_id=row["entry_id"], sequence=row["sequence"]
        )
        for row in (*entries, *allocations)
    ]


def _entry_is_booked(row: Row) -> bool:
    return not row["is_misplaced"] and entry_is_booked(
        BookedEntry(
            type=row["type"],
            amount=row["amount"],
            currency=row["currency"],
            lines=[_line(columns) for columns in _rows(row["lines"])],
            journal=_journal(row["journal"]),
            debit_booked=_contra(row["debit_booked"]) if row["is_against"] else None,
            earlier_returned=_contra(row["earlier_returned"]),
        )
    )


def _allocation_is_booked(row: Row) -> bool:
    return not row["is_misplaced"] and allocation_is_booked(row["amount"], _journal(row["journal"]))


def _rows(text_: str | None) -> list[list[Any]]:
    return orjson.loads(text_) if text_ else []


def _journal(text_: str | None) -> list[JournalLine]:
    return [
        JournalLine(
            GeneralLedgerAccount(account), Decimal(amount), None if rate is None else Decimal(rate)
        )
        for account, amount, rate in _rows(text_)
    ]


def _contra(text_: str | None) -> list[Contra]:
    """Added up by account and rate, in the order in which they come up."""
    summed: dict[tuple[str, str | None], Decimal] = {}
    for account, amount, rate in _rows(text_):
        summed[account, rate] = summed.get((account, rate), Decimal(0)) + Decimal(amount)
    return [
        Contra(
            account=GeneralLedgerAccount(account),
            tax_rate=None if rate is None else Decimal(rate),
            amount=amount,
        )
        for (account, rate), amount in summed.items()
    ]


def _line(columns: list[str]) -> LineFigures:
    quantity, unit_price, discount, tax_rate, total = map(Decimal, columns)
    return LineFigures(
        product_id=None,
        quantity=quantity,
        unit_price=unit_price,
        discount=discount,
        tax_rate=tax_rate,
        total=total,
    )
