"""Whether a customer's hash chain holds, recomputed from the entries."""

from collections.abc import Mapping
from typing import Any

import strawberry
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    Text,
    Uuid,
    and_,
    case,
    func,
    literal_column,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from app.models import accounts, customers, ledger_entries
from app.schema.types.computed import LazyLedgerEntry, computed_rows
from app.schema.types.declaration import (
    Kind,
    One,
    Owner,
    Row,
    Source,
    declare,
    leaf,
    planned_type,
)
from app.schema.types.sql import constant

CHAIN_ROWS = 5000
"""What recomputing a chain counts for, when reads are bounded: hashing costs more than reading."""

_VERIFICATION = computed_rows(
    "verification",
    Column("customer_id", Uuid),
    Column("ok", Boolean),
    Column("entries_checked", Integer),
    Column("head_hash", LargeBinary),
    Column("broken_id", Uuid),
    Column("reason", Text),
)


_GENESIS = literal_column("decode(repeat('00', 32), 'hex')", LargeBinary())


@strawberry.type(
    description="Whether each link of a hash chain holds, and the first one that does not."
)
@planned_type(
    Source(table=_VERIFICATION, owner=Owner.CUSTOMER, customer_id=_VERIFICATION.c.customer_id)
)
class LedgerVerification:
    """A row of `verification`."""

    ok: bool = leaf(_VERIFICATION.c.ok, Kind.BOOLEAN)
    entries_checked: int = leaf(_VERIFICATION.c.entries_checked, Kind.NUMBER)
    head_hash: str = leaf(
        lambda row: func.encode(row[_VERIFICATION.c.head_hash], constant("hex")),
        description="The account's: 64 zeros before the first entry.",
    )
    first_broken: LazyLedgerEntry | None = declare(
        One(
            link=lambda verification, entry: and_(
                entry[ledger_entries.c.customer_id] == verification[_VERIFICATION.c.customer_id],
                entry[ledger_entries.c.id] == verification[_VERIFICATION.c.broken_id],
            )
        )
    )
    reason: str | None = leaf(_VERIFICATION.c.reason, description="What is wrong, if it is not ok.")


def verify_ledger(customer: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `verification`: every link recomputed in the order of posting, then the head."""
    customer_id, sequence = customer[customers.c.id], customer[accounts.c.sequence]
    head_hash = customer[accounts.c.head_hash]
    links = _links(customer_id)
    is_broken = links.c.fault.is_not(None)
    found = select(
        func.count().label("entries"),
        _first(links.c.id, links.c.sequence, is_broken).label("broken_id"),
        _first(links.c.fault, links.c.sequence, is_broken).label("fault"),
    ).subquery()
    last = ledger_entries.alias()
    last_hash = (
        select(last.c.hash)
        .where(last.c.customer_id == customer_id, last.c.sequence == sequence)
        .scalar_subquery()
    )
    head_holds = and_(sequence == found.c.entries, head_hash == func.coalesce(last_hash, _GENESIS))
    reason = func.coalesce(
        found.c.fault,
        case((not_(head_holds), constant("The account's head is not the last entry."))),
    )
    return select(
        customer_id.label("customer_id"),
        reason.is_(None).label("ok"),
        found.c.entries.label("entries_checked"),
        head_hash.label("head_hash"),
        found.c.broken_id,
        reason.label("reason"),
    ).select_from(found)


def _links(customer_id: ColumnElement[Any]) -> FromClause:
    """Each entry with the first of its faults, if it has one."""
    entry = ledger_entries.alias("link")
    before = func.coalesce(func.lag(entry.c.hash).over(order_by=entry.c.sequence), _GENESIS)
    fault = case(
        (
            entry.c.sequence != func.row_number().over(order_by=entry.c.sequence),
            constant("An entry is missing before this one."),
        ),
        (
            entry.c.previous_hash != before,
            constant("This entry does not follow the one before it."),
        ),
        (
            entry.c.hash != func.entry_hash(literal_column("link")),
            constant("This entry is not what it was when it was posted."),
        ),
    )
    return (
        select(entry.c.id, entry.c.sequence, fault.label("fault"))
        .where(entry.c.customer_id == customer_id)
        .subquery()
    )


def _first(
    value: ColumnElement[Any], place: ColumnElement[Any], condition: ColumnElement[bool]
) -> ColumnElement[Any]:
    """The value at the lowest place where the condition holds; null where it never does."""
    return func.array_agg(aggregate_order_by(value, place), type_=ARRAY(value.type)).filter(
        condition
    )[1]
