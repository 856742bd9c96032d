"""Cursors: base64url of a JSON list that names the order and gives the row's value of each key.

A cursor is a position, not a row: it stays good when the row goes, and when others come.
"""

from base64 import urlsafe_b64decode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Date, DateTime, Numeric, Uuid, cast, func
from sqlalchemy import Text as TextType
from sqlalchemy.types import REAL

from app.domain.errors import Invalid
from app.planner.orders import OrderKey
from app.planner.values import Arguments
from app.schema.types.sql import NEVER, constant

if TYPE_CHECKING:
    from app.planner.compiler import Compiler


def signature(type_name: str, keys: list[OrderKey]) -> str:
    """Names the list's type and order, so that a cursor of another one is refused."""
    return type_name + "".join(("-" if key.descending else "+") + key.name for key in keys)


def cursor_text(
    type_name: str, keys: list[OrderKey], values: list[ColumnElement[Any]]
) -> ColumnElement[Any]:
    """The cursor of a row whose key values are `values`."""
    parts = [key.text(value) for key, value in zip(keys, values, strict=True)]
    listed = cast(func.json_build_array(constant(signature(type_name, keys)), *parts), TextType)
    encoded = func.encode(func.convert_to(listed, constant("UTF8")), constant("base64"))
    return func.translate(encoded, constant("+/=\n"), constant("-_"))


def bound_position(
    compiler: "Compiler", type_name: str, keys: list[OrderKey], arguments: Arguments, name: str
) -> list[ColumnElement[Any]]:
    """The parameters for the key values of the cursor given as `name`."""
    expected = signature(type_name, keys)
    origin = arguments.origin(name)
    path = (*arguments.path, name)

    def value_of(index: int, parse: Callable[[str], Any]) -> Callable[[str], Any]:
        def convert(cursor: str) -> Any:
            return parse(_parts(cursor, expected, len(keys), path)[index])

        return convert

    position = [
        compiler.binder.bind(key.type, origin, value_of(index, _parser(key, path)))
        for index, key in enumerate(keys)
    ]
    # A REAL parameter is spelt FLOAT, which is double: it would equal no score that was rounded.
    return [
        cast(value, REAL) if isinstance(key.type, REAL) else value
        for key, value in zip(keys, position, strict=True)
    ]


def _parts(cursor: str, expected: str, count: int, path: tuple[str, ...]) -> list[str]:
    values: list[str]
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        order, *values = orjson.loads(raw)
    except (ValueError, TypeError):
        raise _not_a_cursor(path) from None
    if order != expected:
        raise Invalid("This cursor belongs to another order of the list.", *path)
    if len(values) != count or not all(isinstance(value, str) for value in values):
        raise _not_a_cursor(path)
    return values


def _parser(key: OrderKey, path: tuple[str, ...]) -> Callable[[str], Any]:
    read = _readers(key)

    def parse(text: str) -> Any:
        try:
            return read(text)
        except (ValueError, InvalidOperation, OverflowError):
            raise _not_a_cursor(path) from None

    return parse


def _readers(key: OrderKey) -> Callable[[str], Any]:
    if isinstance(key.type, Uuid):
        return UUID
    if isinstance(key.type, DateTime):
        return _instant
    if isinstance(key.type, Date):
        return _date
    if isinstance(key.type, REAL):
        return _score
    if isinstance(key.type, Numeric):
        return _amount
    return _text


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no offset")
    return instant.astimezone(UTC)


def _date(text: str) -> date:
    """The driver's `date.max` is PostgreSQL's infinity, and only that."""
    if text == NEVER:
        return date.max
    day = date.fromisoformat(text)
    if day in {date.min, date.max}:
        raise ValueError("no date of ours")
    return day


def _score(text: str) -> float:
    score = float(text)
    if not 0 <= score <= 1:
        raise ValueError("no score")
    return score


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or abs(amount.adjusted()) > 40:
        raise ValueError("no amount")
    return amount


def _text(text: str) -> str:
    if "\x00" in text:
        raise ValueError("NUL")
    return text


def _not_a_cursor(path: tuple[str, ...]) -> Exception:
    return Invalid("This is not a cursor: give one that this list returned.", *path)
