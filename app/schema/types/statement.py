"""Statements of account: what was posted between two dates, and the balance before and after."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import strawberry
from sqlalchemy import (
    Column,
    ColumnElement,
    Date,
    Integer,
    Numeric,
    Select,
    Text,
    Uuid,
    and_,
    case,
    func,
    select,
)

from app.domain.text import PARAGRAPH
from app.models import customers, ledger_entries
from app.schema.types.balances import Ageing, ageing_of
from app.schema.types.computed import LazyCustomer, LazyLedgerEntry, computed_rows
from app.schema.types.declaration import (
    Derived,
    Kind,
    Limit,
    One,
    Owner,
    Row,
    Source,
    declare,
    leaf,
    planned_type,
)
from app.schema.types.scalars import Currency
from app.schema.types.sql import zero_of

_STATEMENT = computed_rows(
    "statement",
    Column("customer_id", Uuid),
    Column("currency", Text),
    Column("starts_on", Date),
    Column("ends_on", Date),
    Column("opening_balance", Numeric),
    Column("closing_balance", Numeric),
)
_LINE = computed_rows(
    "statement_line",
    Column("customer_id", Uuid),
    Column("entry_id", Uuid),
    Column("place", Integer),
    Column("dated", Date),
    Column("description", Text),
    Column("debit", Numeric),
    Column("credit", Numeric),
    Column("running_balance", Numeric),
)


def statement(customer: Row, given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    """One row of `statement`: the sums of all entries dated before `from`, and by `to`."""
    starts_on, ends_on = given["from"], given["to"]
    currency = customer[customers.c.currency]
    entry = ledger_entries.alias()
    zero = zero_of(currency)
    amount = func.sum(entry.c.amount)
    sums = (
        select(
            func.coalesce(amount.filter(entry.c.transaction_date < starts_on), zero).label(
                "opening_balance"
            ),
            func.coalesce(amount, zero).label("closing_balance"),
        )
        .where(
            entry.c.customer_id == customer[customers.c.id],
            entry.c.transaction_date <= ends_on,
        )
        .subquery()
    )
    return select(
        customer[customers.c.id].label("customer_id"),
        currency.label("currency"),
        starts_on.label("starts_on"),
        ends_on.label("ends_on"),
        sums.c.opening_balance,
        sums.c.closing_balance,
    ).select_from(sums)


def _lines(row: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    entry = ledger_entries.alias()
    order = (entry.c.transaction_date, entry.c.sequence)
    amount = entry.c.amount
    return select(
        entry.c.customer_id.label("customer_id"),
        entry.c.id.label("entry_id"),
        func.row_number().over(order_by=order).label("place"),
        entry.c.transaction_date.label("dated"),
        func.coalesce(entry.c.description, entry.c.number).label("description"),
        case((amount > 0, amount)).label("debit"),
        case((amount < 0, -amount)).label("credit"),
        (
            row[_STATEMENT.c.opening_balance]
            + func.sum(amount).over(order_by=order, rows=(None, 0))
        ).label("running_balance"),
    ).where(
        entry.c.customer_id == row[_STATEMENT.c.customer_id],
        entry.c.transaction_date >= row[_STATEMENT.c.starts_on],
        entry.c.transaction_date <= row[_STATEMENT.c.ends_on],
    )


def _ageing(row: Row, _given: Mapping[str, ColumnElement[Any]]) -> Select[Any]:
    return ageing_of(
        row[_STATEMENT.c.customer_id],
        row[_STATEMENT.c.currency],
        as_of=row[_STATEMENT.c.ends_on],
    )


@strawberry.type(description="One entry of a statement, with the balance after it.")
@planned_type(
    Source(
        table=_LINE,
        owner=Owner.CUSTOMER,
        customer_id=_LINE.c.customer_id,
        part_of="LedgerEntry",
    )
)
class StatementLine:
    """A row of `statement_line`."""

    entry: LazyLedgerEntry = declare(
        One(
            link=lambda line, entry: and_(
                entry[ledger_entries.c.customer_id] == line[_LINE.c.customer_id],
                entry[ledger_entries.c.id] == line[_LINE.c.entry_id],
            )
        )
    )
    dated: date = leaf(_LINE.c.dated, Kind.DATE, name="date")
    description: str = leaf(
        _LINE.c.description,
        characters=PARAGRAPH,
        description="The entry's own, or its number when it has none.",
    )
    debit: Decimal | None = leaf(_LINE.c.debit, Kind.MONEY, description="What it adds, if it does.")
    credit: Decimal | None = leaf(
        _LINE.c.credit, Kind.MONEY, description="What it takes away, if it does."
    )
    running_balance: Decimal = leaf(_LINE.c.running_balance, Kind.MONEY)


@strawberry.type(description="A statement of account, both dates included.")
@planned_type(Source(table=_STATEMENT, owner=Owner.CUSTOMER, customer_id=_STATEMENT.c.customer_id))
class Statement:
    """`openingBalance` and the lines add up to `closingBalance`: current balances, signed."""

    customer: LazyCustomer = declare(
        One(
            link=lambda statement, customer: (
                customer[customers.c.id] == statement[_STATEMENT.c.customer_id]
            )
        )
    )
    starts_on: date = leaf(_STATEMENT.c.starts_on, Kind.DATE, name="from")
    ends_on: date = leaf(_STATEMENT.c.ends_on, Kind.DATE, name="to")
    currency: Currency = leaf(_STATEMENT.c.currency)
    opening_balance: Decimal = leaf(
        _STATEMENT.c.opening_balance, Kind.MONEY, description="Before the first date."
    )
    closing_balance: Decimal = leaf(
        _STATEMENT.c.closing_balance, Kind.MONEY, description="After the last date."
    )
    lines: list[StatementLine] = declare(
        Derived(
            rows=_lines,
            plural=True,
            order=(_LINE.c.place,),
            limit=Limit(rows=5000, advice="More than 5000 lines: ask for a shorter span of dates."),
        ),
        description="By date, and within a date in the order of posting.",
    )
    ageing: Ageing = declare(Derived(rows=_ageing), description="What is open as of the last date.")
