"""Whether a customer's hash chain holds: what was proved by its last hash, the rest recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
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
    or_,
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
    description=(
        "Whether a hash chain holds, and the first link that does not: each link since the last "
        "proof by reconciliation is recomputed, and what was proved then is held to its last hash. "
        "A full reconciliation recomputes the whole."
    )
)
@planned_type(
    Source(table=_VERIFICATION, owner=Owner.CUSTOMER, customer_id=_VERIFICATION.c.customer_id)
)
class LedgerVerification:
    """A row of `verification`."""

    ok: bool = leaf(_VERIFICATION.c.ok, Kind.BOOLEAN)
    entries_checked: int = leaf(
        _VERIFICATION.c.entries_checked,
        Kind.NUMBER,
        description="All that the answer stands for, those of the last proof included.",
    )
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Proof:
    """Where the last proof ended, and with which hash: before the first entry without any proof."""

    sequence: ColumnElement[Any]
    hash: ColumnElement[Any]


def verify_ledger(customer: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `verification`: the last proof, each link since in the order of posting, the head.

    Reconciliation has proved what is before; that it is what it was then is told by the hash of its
    last entry, which every hash before has part in.
    """
    customer_id, sequence = customer[customers.c.id], customer[accounts.c.sequence]
    head_hash = customer[accounts.c.head_hash]
    proved = customer[accounts.c.verified_hash]
    proof = _Proof(
        sequence=case((proved.is_not(None), customer[accounts.c.verified_sequence]), else_=0),
        hash=func.coalesce(proved, _GENESIS),
    )
    links = _links(customer_id, proof)
    is_broken = links.c.fault.is_not(None)
    found = select(
        func.count().label("entries"),
        _first(links.c.id, links.c.sequence, is_broken).label("broken_id"),
        _first(links.c.fault, links.c.sequence, is_broken).label("fault"),
    ).subquery()
    reached = proof.sequence + found.c.entries
    head_holds = and_(
        sequence == reached,
        head_hash == func.coalesce(_of(customer_id, sequence, "hash"), _GENESIS),
    )
    proof_holds = or_(
        proof.sequence == 0,
        func.coalesce(_of(customer_id, proof.sequence, "hash"), _GENESIS) == proof.hash,
    )
    reason = case(
        (
            not_(proof_holds),
            constant("The entry that the last proof ended with is not what it was."),
        ),
        (found.c.fault.is_not(None), found.c.fault),
        (not_(head_holds), constant("The account's head is not the last entry.")),
    )
    return select(
        customer_id.label("customer_id"),
        reason.is_(None).label("ok"),
        reached.label("entries_checked"),
        head_hash.label("head_hash"),
        case(
            (not_(proof_holds), _of(customer_id, proof.sequence, "id")), else_=found.c.broken_id
        ).label("broken_id"),
        reason.label("reason"),
    ).select_from(found)


def _of(
    customer_id: ColumnElement[Any], sequence: ColumnElement[Any], column: str
) -> ColumnElement[Any]:
    """A column of the customer's entry with this sequence; null where there is none."""
    entry = ledger_entries.alias()
    return (
        select(entry.c[column])
        .where(entry.c.customer_id == customer_id, entry.c.sequence == sequence)
        .scalar_subquery()
    )


def _links(customer_id: ColumnElement[Any], proof: _Proof) -> FromClause:
    """Each entry since the proof with the first of its faults, if it has one."""
    entry = ledger_entries.alias("link")
    before = func.coalesce(func.lag(entry.c.hash).over(order_by=entry.c.sequence), proof.hash)
    place = proof.sequence + func.row_number().over(order_by=entry.c.sequence)
    fault = case(
        (entry.c.sequence != place, constant("An entry is missing before this one.")),
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
        .where(entry.c.customer_id == customer_id, entry.c.sequence > proof.sequence)
        .subquery()
    )


def _first(
    value: ColumnElement[Any], place: ColumnElement[Any], condition: ColumnElement[bool]
) -> ColumnElement[Any]:
    """The value at the lowest place where the condition holds; null where it never does."""
    return func.array_agg(aggregate_order_by(value, place), type_=ARRAY(value.type)).filter(
        condition
    )[1]
