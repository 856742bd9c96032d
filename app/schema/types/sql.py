"""Pieces of SQL that several declarations share."""

from typing import Any

from sqlalchemy import ColumnElement, Text, bindparam, func, literal_column, true
from sqlalchemy.types import Date, Numeric, TypeEngine

from app.schema.types.declaration import Row


def constant(text: str) -> ColumnElement[Any]:
    """Text of our own that stands in the statement itself: not worth a parameter."""
    return literal_column("'" + text.replace("'", "''") + "'", Text())


def zero_of(currency: ColumnElement[Any]) -> ColumnElement[Any]:
    """Nothing, at the scale of a row's currency."""
    return func.round(literal_column("0::numeric"), func.currency_digits(currency), type_=Numeric())


def today() -> ColumnElement[Any]:
    """The bind parameter for the company's date."""
    return bindparam("today", type_=Date())


def given(name: str, type_: TypeEngine[Any]) -> ColumnElement[Any]:
    """A value that the caller of a plan gives by name: the keys of what a mutation wrote."""
    return bindparam(name, type_=type_)


def everything(_parent: Row, _row: Row) -> ColumnElement[bool]:
    """Links to every row of a type."""
    return true()
