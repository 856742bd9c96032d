"""Scalars as JSON: exact text for money, explicit formats for instants, opaque ids."""

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal_column

from app.domain.global_id import OWNED_TAGS, SHARED_TAGS
from app.planner.catalogue import PlannedType
from app.planner.rows import PlannedRow
from app.schema.types.declaration import Kind, Source
from app.schema.types.sql import constant

INSTANT_FORMAT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'


def as_json(value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
    """The value as `row_to_json` must be given it. Dates are ISO 8601 in JSON without help."""
    if kind is Kind.MONEY:
        return cast(value, Text)
    if kind is Kind.INSTANT:
        return instant_text(value)
    return value


def instant_text(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A UTC instant with microseconds, whatever the session's time zone."""
    return func.to_char(func.timezone(constant("UTC"), value), constant(INSTANT_FORMAT))


def global_id(planned_type: PlannedType, row: PlannedRow) -> ColumnElement[Any]:
    """The row's global id: the same text that `app.domain.global_id.encode` makes."""
    source = key_source(planned_type)
    tag = (OWNED_TAGS if len(source.key) == 2 else SHARED_TAGS)[planned_type.name]
    raw: ColumnElement[Any] = literal_column(rf"'\x{tag.hex()}'::bytea")
    for column in source.key:
        raw = raw.op("||")(func.uuid_send(row[column]))
    return func.translate(func.encode(raw, constant("base64")), constant("+/"), constant("-_"))


def key_source(planned_type: PlannedType) -> Source:
    """The source of a type that has a key; without one it cannot be a Node."""
    source = planned_type.source
    if source is None or not source.key:
        raise TypeError(f"{planned_type.name} has an id but no key")
    return source
