"""Accounting periods."""

from datetime import date, datetime
from typing import Any

import strawberry
from sqlalchemy import ColumnElement, Integer, and_, func, literal_column

from app.models import accounting_periods, users
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
from app.schema.types.enums import PeriodStatus, PeriodType
from app.schema.types.node import Node
from app.schema.types.people import User

_PERIODS = accounting_periods.c


def covers(period: Row, day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the day lies in the period."""
    return period[_PERIODS.during].op("@>", is_comparison=True)(day)


def months_first(period: Row, day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether it is the month that the day lies in: what a posting on that day is gated by."""
    return and_(covers(period, day), period[_PERIODS.type] == "MONTHLY")


@strawberry.type(description="A month, quarter or year of the company's books.")
@planned_type(
    Source(
        table=accounting_periods,
        owner=Owner.NOBODY,
        key=(_PERIODS.id,),
        date_filters={"covers": covers},
        dated_by=("startsOn", "endsOn"),
    )
)
class AccountingPeriod(Node):
    """A row of `accounting_periods`."""

    name: str = leaf(_PERIODS.name)
    type: PeriodType = leaf(_PERIODS.type, Kind.CHOICE, filterable=True)
    starts_on: date = leaf(
        lambda row: func.lower(row[_PERIODS.during]), Kind.DATE, order="STARTS_ON"
    )
    ends_on: date = leaf(
        lambda row: func.upper(row[_PERIODS.during]) - literal_column("1", Integer()),
        Kind.DATE,
        description="The last day that belongs to the period.",
    )
    status: PeriodStatus = leaf(_PERIODS.status, Kind.CHOICE, filterable=True)
    closed_by: User | None = declare(
        One(
            link=lambda period, user: user[users.c.id] == period[_PERIODS.closed_by],
            guard="workflow.actor",
        )
    )
    closed_at: datetime | None = leaf(_PERIODS.closed_at, Kind.INSTANT)
    locked_by: User | None = declare(
        One(
            link=lambda period, user: user[users.c.id] == period[_PERIODS.locked_by],
            guard="workflow.actor",
        )
    )
    locked_at: datetime | None = leaf(_PERIODS.locked_at, Kind.INSTANT)
    version: int = leaf(_PERIODS.version, Kind.NUMBER)
