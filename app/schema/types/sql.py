"""Pieces of SQL that several declarations share."""

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, literal_column, true
from sqlalchemy.types import Date, Numeric, TypeEngine

from app.schema.types.declaration import Row


def constant(text: str) -> ColumnElement[Any]:
    """Text of our own that stands in the statement itself: not worth a parameter."""
    return literal_column("'" + text.replace("'", "''") + "'", Text())


# Sorts an absent date last; no calendar date is it.
NEVER = "infinity"


def or_never(day: ColumnElement[Any]) -> ColumnElement[Any]:
    """A date that may be absent, as it is ordered and indexed."""
    return func.coalesce(day, never(), type_=Date())


def never() -> ColumnElement[Any]:
    """After every date there is."""
    return cast(constant(NEVER), Date)


def zero_of(currency: ColumnElement[Any]) -> ColumnElement[Any]:
    """Nothing, at the scale of a row's currency."""
    return func.round(literal_column("0::numeric"), func.currency_digits(currency), type_=Numeric())


def today() -> ColumnElement[Any]:
    """The company's date, by the clock that postings go by: PostgreSQL's."""
    return func.company_today(type_=Date())


def given(name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value that the caller of a plan gives by name: the keys of what a mutation wrote."""
    return bindparam(name, type_=type_)


def everything(_parent: Row, _row: Row) -> ColumnElement[bool]:
    """Links to every row of a type."""
    return true()
