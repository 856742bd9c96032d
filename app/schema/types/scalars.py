"""The contract's scalars. Money is text, never a number: a JSON float cannot carry it."""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from app.domain.currency import MINOR_UNIT_DIGITS

Currency = NewType("Currency", str)
Cursor = NewType("Cursor", str)
Json = NewType("Json", object)

MAX_CURSOR_LENGTH = 2000
_DECIMAL = re.compile(r"-?\d{1,30}(\.\d{1,12})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _parse_decimal(value: Any) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise GraphQLError('A Decimal is text such as "1234.50": no exponent, no float.')
    return Decimal(value)


def _parse_date(value: Any) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            pass  # a well-formed date that no calendar has: refused below
        else:
            # The driver takes the first and last date there is for -infinity and infinity.
            if day not in {date.min, date.max}:
                return day
    raise GraphQLError('A Date is text such as "2026-01-31".')


def _parse_instant(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is not None:
            try:
                instant = instant.astimezone(UTC)
            except OverflowError:
                pass  # a well-formed instant outside every calendar: refused below
            else:
                # The driver takes the first and last instant for -infinity and infinity.
                if instant.replace(tzinfo=None) not in {datetime.min, datetime.max}:  # noqa: DTZ901
                    return instant
    raise GraphQLError('A DateTime is text with an offset such as "2026-01-31T09:30:00Z".')


def _parse_currency(value: Any) -> str:
    if isinstance(value, str) and value in MINOR_UNIT_DIGITS:
        return value
    raise GraphQLError("A Currency is an ISO 4217 code such as EUR.")


def _parse_cursor(value: Any) -> str:
    if isinstance(value, str) and 0 < len(value) <= MAX_CURSOR_LENGTH:
        try:
            urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4))
        except (UnicodeEncodeError, Base64Error):
            pass  # not base64: refused below
        else:
            return value
    raise GraphQLError("This is not a cursor: give one that a connection returned.")


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description="Exact decimal number as text; money has its currency's ISO 4217 digits.",
        serialize=lambda value: f"{value:f}",
        parse_value=_parse_decimal,
    ),
    date: strawberry.scalar(
        name="Date",
        description="Calendar date, ISO 8601. Accounting dates are local to the company.",
        serialize=lambda value: value.isoformat(),
        parse_value=_parse_date,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="Instant in UTC, ISO 8601 with microseconds.",
        serialize=_instant_text,
        parse_value=_parse_instant,
    ),
    Currency: strawberry.scalar(
        name="Currency", description="ISO 4217 code.", parse_value=_parse_currency
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="Opaque position in a list, good for as long as the order stays the same.",
        parse_value=_parse_cursor,
    ),
    Json: strawberry.scalar(name="JSON", description="Any JSON value."),
}
