"""What a balance is made of: every entry behind it, by type."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    func,
    select,
)

from app.domain.ledger import EntryType
from app.models import customers, ledger_entries
from app.schema.types.balances import Balance, balance_of
from app.schema.types.computed import LazyLedgerEntry, computed_rows
from app.schema.types.declaration import (
    Derived,
    Kind,
    Limit,
    Many,
    Owner,
    Row,
    Source,
    declare,
    leaf,
    planned_type,
)

_ENTRIES = ledger_entries.c

_EXPLANATION = computed_rows(
    "explanation",
    Column("customer_id", Uuid),
    Column("currency", Text),
    Column("as_of", Date),
    Column("known_at", DateTime(timezone=True)),
)
_GROUP = computed_rows(
    "balance_group",
    Column("customer_id", Uuid),
    Column("as_of", Date),
    Column("known_at", DateTime(timezone=True)),
    Column("type", Text),
    Column("count", Integer),
    Column("total", Numeric),
    Column("of_all_groups", Integer),
)


def _balance(explanation: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return balance_of(
        explanation[_EXPLANATION.c.customer_id],
        explanation[_EXPLANATION.c.currency],
        as_of=explanation[_EXPLANATION.c.as_of],
        known_at=explanation[_EXPLANATION.c.known_at],
    )


def _groups(explanation: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    customer_id, as_of, known_at = (
        explanation[_EXPLANATION.c[name]] for name in ("customer_id", "as_of", "known_at")
    )
    entry = ledger_entries.alias()
    return (
        select(
            customer_id.label("customer_id"),
            as_of.label("as_of"),
            known_at.label("known_at"),
            entry.c.type.label("type"),
            func.count().label("count"),
            func.sum(entry.c.amount).label("total"),
            func.sum(func.count()).over().cast(Integer).label("of_all_groups"),
        )
        .where(
            entry.c.customer_id == customer_id,
            entry.c.transaction_date <= as_of,
            entry.c.posted_at <= known_at,
        )
        .group_by(entry.c.type)
    )


@strawberry.type(description="The entries of one type behind a balance.")
@planned_type(
    Source(
        table=_GROUP,
        owner=Owner.CUSTOMER,
        customer_id=_GROUP.c.customer_id,
        part_of="LedgerEntry",
    )
)
class BalanceGroup:
    """A row of `balance_group`."""

    type: EntryType = leaf(_GROUP.c.type, Kind.CHOICE)
    count: int = leaf(_GROUP.c.count, Kind.NUMBER)
    total: Decimal = leaf(_GROUP.c.total, Kind.MONEY, description="The sum of their amounts.")
    entries: list[LazyLedgerEntry] = declare(
        Many(
            link=lambda group, entry: and_(
                entry[_ENTRIES.customer_id] == group[_GROUP.c.customer_id],
                entry[_ENTRIES.type] == group[_GROUP.c.type],
                entry[_ENTRIES.transaction_date] <= group[_GROUP.c.as_of],
                entry[_ENTRIES.posted_at] <= group[_GROUP.c.known_at],
            ),
            order=(_ENTRIES.sequence,),
            limit=Limit(
                rows=10_000,
                advice="More than 10000 entries: read `ledgerEntries` in pages instead.",
                counted=lambda group: group[_GROUP.c.of_all_groups],
            ),
        ),
        description="All of them, in the order of posting.",
    )


@strawberry.type(description="A tree whose leaves add up exactly to the balance.")
@planned_type(
    Source(table=_EXPLANATION, owner=Owner.CUSTOMER, customer_id=_EXPLANATION.c.customer_id)
)
class BalanceExplanation:
    """`balance.current` is the sum of the groups' totals, and each total that of its entries."""

    balance: Balance = declare(Derived(rows=_balance))
    groups: list[BalanceGroup] = declare(
        Derived(rows=_groups, plural=True, order=(_GROUP.c.type,)),
        description="One for each type of entry that there is.",
    )


def explain_balance(customer: Row, given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `explanation`: whose balance, as of which date and known at which instant."""
    return select(
        customer[customers.c.id].label("customer_id"),
        customer[customers.c.currency].label("currency"),
        given["asOf"].label("as_of"),
        given["knownAt"].label("known_at"),
    )
