"""Figures computed from the sub-ledger as of a date: balances and ageing."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Numeric,
    Select,
    Text,
    Uuid,
    func,
    literal_column,
    select,
)

from app.models import allocations, customers, ledger_entries
from app.schema.types.computed import computed_rows
from app.schema.types.declaration import Kind, Owner, Row, Source, leaf, planned_type
from app.schema.types.open_as_of import open_entries
from app.schema.types.scalars import Currency
from app.schema.types.sql import zero_of

_BALANCE = computed_rows(
    "balance",
    Column("customer_id", Uuid),
    Column("as_of", Date),
    Column("known_at", DateTime(timezone=True)),
    Column("pending", Numeric),
    Column("advance", Numeric),
    Column("current", Numeric),
    Column("currency", Text),
)
_BUCKETS = ("not_due", "days_1_to_30", "days_31_to_60", "days_61_to_90", "over_90")
_AGEING = computed_rows(
    "ageing",
    Column("customer_id", Uuid),
    Column("as_of", Date),
    Column("currency", Text),
    *(Column(name, Numeric) for name in (*_BUCKETS, "total", "disputed", "unapplied_credit")),
)


@strawberry.type(description="What was owed as of an accounting date, as known at an instant.")
@planned_type(Source(table=_BALANCE, owner=Owner.CUSTOMER, customer_id=_BALANCE.c.customer_id))
class Balance:
    """Recomputed from entries and allocations alone."""

    as_of: date = leaf(_BALANCE.c.as_of, Kind.DATE)
    known_at: datetime = leaf(_BALANCE.c.known_at, Kind.INSTANT)
    pending: Decimal = leaf(_BALANCE.c.pending, Kind.MONEY)
    advance: Decimal = leaf(_BALANCE.c.advance, Kind.MONEY)
    current: Decimal = leaf(_BALANCE.c.current, Kind.MONEY)
    currency: Currency = leaf(_BALANCE.c.currency)


@strawberry.type(description="Open debits by how long they are overdue, as of an accounting date.")
@planned_type(Source(table=_AGEING, owner=Owner.CUSTOMER, customer_id=_AGEING.c.customer_id))
class Ageing:
    """`total` is the sum of the buckets: the pending balance."""

    as_of: date = leaf(_AGEING.c.as_of, Kind.DATE)
    currency: Currency = leaf(_AGEING.c.currency)
    not_due: Decimal = leaf(_AGEING.c.not_due, Kind.MONEY)
    days1_to30: Decimal = leaf(_AGEING.c.days_1_to_30, Kind.MONEY)
    days31_to60: Decimal = leaf(_AGEING.c.days_31_to_60, Kind.MONEY)
    days61_to90: Decimal = leaf(_AGEING.c.days_61_to_90, Kind.MONEY)
    over90: Decimal = leaf(_AGEING.c.over_90, Kind.MONEY)
    total: Decimal = leaf(_AGEING.c.total, Kind.MONEY)
    disputed: Decimal = leaf(
        _AGEING.c.disputed,
        Kind.MONEY,
        description="What of it is disputed: nothing, until disputes can be opened.",
    )
    unapplied_credit: Decimal = leaf(_AGEING.c.unapplied_credit, Kind.MONEY)


def balance_at(customer: Row, given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `balance` for a row of `customers`, as of `asOf` and known at `knownAt`."""
    return balance_of(
        customer[customers.c.id],
        customer[customers.c.currency],
        as_of=given["asOf"],
        known_at=given["knownAt"],
    )


def balance_of(
    customer_id: ColumnElement[Any],
    currency: ColumnElement[Any],
    *,
    as_of: ColumnElement[Any],
    known_at: ColumnElement[Any],
) -> Select[Any]:
    """One row of `balance`: entries dated by then, known by then, and the allocations between them.

    An allocation is never dated before its entries, so those dated by then join entries dated by
    then.
    """
    entry, used = ledger_entries.alias(), allocations.alias()
    zero = zero_of(currency)
    entries = (
        select(
            func.coalesce(func.sum(entry.c.amount).filter(entry.c.amount > 0), zero).label(
                "debits"
            ),
            func.coalesce(-func.sum(entry.c.amount).filter(entry.c.amount < 0), zero).label(
                "credits"
            ),
        )
        .where(
            entry.c.customer_id == customer_id,
            entry.c.transaction_date <= as_of,
            entry.c.posted_at <= known_at,
        )
        .subquery()
    )
    allocated = (
        select(func.coalesce(func.sum(used.c.amount), zero).label("amount"))
        .where(
            used.c.customer_id == customer_id,
            used.c.accounting_date <= as_of,
            used.c.allocated_at <= known_at,
        )
        .subquery()
    )
    return select(
        customer_id.label("customer_id"),
        as_of.label("as_of"),
        known_at.label("known_at"),
        (entries.c.debits - allocated.c.amount).label("pending"),
        (entries.c.credits - allocated.c.amount).label("advance"),
        (entries.c.debits - entries.c.credits).label("current"),
        currency.label("currency"),
    ).select_from(_cross(entries, allocated))


def ageing_at(customer: Row, given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `ageing` for a row of `customers`, as of `asOf`."""
    return ageing_of(customer[customers.c.id], customer[customers.c.currency], as_of=given["asOf"])


def ageing_of(
    customer_id: ColumnElement[Any], currency: ColumnElement[Any], *, as_of: ColumnElement[Any]
) -> Select[Any]:
    """One row of `ageing`. A debit without a due date was due on its own date."""
    zero = zero_of(currency)
    items = open_entries(customer_id, as_of)
    days = as_of - items.c.due
    ranges = {
        "not_due": days <= 0,
        "days_1_to_30": days.between(1, 30),
        "days_31_to_60": days.between(31, 60),
        "days_61_to_90": days.between(61, 90),
        "over_90": days > 90,
    }
    buckets = [
        func.coalesce(func.sum(items.c.open).filter(items.c.is_debit, within), zero).label(name)
        for name, within in ranges.items()
    ]
    return select(
        customer_id.label("customer_id"),
        as_of.label("as_of"),
        currency.label("currency"),
        *buckets,
        func.coalesce(func.sum(items.c.open).filter(items.c.is_debit), zero).label("total"),
        zero.label("disputed"),
        func.coalesce(func.sum(items.c.open).filter(~items.c.is_debit), zero).label(
            "unapplied_credit"
        ),
    ).select_from(items)


def _cross(left: FromClause, right: FromClause) -> FromClause:
    """Two subselects of one row each."""
    return left.join(right, literal_column("true"))


def now() -> ColumnElement[Any]:
    """This statement's instant: a payload also knows what its own transaction has posted."""
    return func.statement_timestamp()
