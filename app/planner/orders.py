"""Orders: total, stable, and only over what the viewer may read whole."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Numeric,
    Text,
    Uuid,
    and_,
    cast,
    false,
    or_,
    tuple_,
)
from sqlalchemy.types import REAL, TypeEngine

from app.domain.errors import Invalid
from app.planner.catalogue import PlannedField, PlannedType
from app.planner.leaves import instant_text, key_source
from app.planner.rows import TableRow
from app.planner.values import Arguments
from app.policies.conditions import ScopeCondition
from app.schema.types.declaration import Connected, GlobalIdLeaf, Kind, Leaf
from app.schema.types.sql import or_never

if TYPE_CHECKING:
    from app.planner.compiler import Compiler

MAX_KEYS = 5

_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.TEXT: Text(),
    Kind.MONEY: Numeric(),
    Kind.DATE: Date(),
    Kind.INSTANT: DateTime(timezone=True),
}


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key: the value that orders, its direction, and how a cursor spells it."""

    name: str
    value: ColumnElement[Any]
    type: TypeEngine[Any]
    descending: bool

    def text(self, value: ColumnElement[Any]) -> ColumnElement[Any]:
        """The key's value in a cursor."""
        return instant_text(value) if isinstance(self.type, DateTime) else cast(value, Text)


def order_keys(
    compiler: "Compiler",
    planned_type: PlannedType,
    row: TableRow,
    rows: ScopeCondition,
    declaration: Connected,
    arguments: Arguments,
) -> list[OrderKey]:
    """The keys asked for, else relevance when searching, else the usual; the id breaks ties."""
    keys: list[OrderKey] = []
    wanted = arguments.get("orderBy") or []
    if len(wanted) > MAX_KEYS:
        raise Invalid(f"At most {MAX_KEYS} order keys.", *arguments.path, "orderBy")
    for index, wish in enumerate(wanted):
        name = wish["field"].value
        field = planned_type.orders[name]
        compiler.guards.require_whole(field, rows, *arguments.path, "orderBy", str(index), "field")
        descending = wish["direction"].value == "DESC"
        keys.append(_key(name, field, row, planned_type, rows, descending))
    if not keys and (arguments.get("filter") or {}).get("search") is not None:
        score = compiler.search(planned_type, row, rows, arguments).score
        keys.append(OrderKey("RELEVANCE", score, REAL(), descending=True))
    if not keys and declaration.order:
        field = planned_type.orders[declaration.order]
        # Nobody asked for the usual order: where it would tell, it is left out, not refused.
        if compiler.guards.access(field).is_whole_for(rows):
            keys.append(_key(declaration.order, field, row, planned_type, rows, descending=False))
    if not any(isinstance(key.type, Uuid) for key in keys):
        descending = bool(keys) and keys[-1].descending
        keys.append(OrderKey("ID", _id_value(planned_type, row), Uuid(), descending))
    return keys


def _key(
    name: str,
    field: PlannedField,
    row: TableRow,
    planned_type: PlannedType,
    rows: ScopeCondition,
    descending: bool,
) -> OrderKey:
    declaration = field.declaration
    if isinstance(declaration, GlobalIdLeaf):
        return OrderKey(name, _id_value(planned_type, row), Uuid(), descending)
    assert isinstance(declaration, Leaf)
    value = declaration.compared_in(rows)(row)
    if declaration.kind is Kind.DATE and not field.is_always_there:
        value = or_never(value)
    return OrderKey(name, value, _TYPES[declaration.kind], descending)


def _id_value(planned_type: PlannedType, row: TableRow) -> ColumnElement[Any]:
    return row[key_source(planned_type).key[-1]]


def beyond(
    keys: list[OrderKey], position: list[ColumnElement[Any]], *, forward: bool
) -> ColumnElement[bool]:
    """Rows strictly after (or before) a position; one comparison where an index can serve it."""
    if len({key.descending for key in keys}) == 1:
        ours = tuple_(*(key.value for key in keys))
        theirs = tuple_(*position)
        return ours > theirs if forward is not keys[0].descending else ours < theirs
    alternatives: list[ColumnElement[bool]] = []
    for index, key in enumerate(keys):
        equal = [keys[i].value == position[i] for i in range(index)]
        further = (
            key.value > position[index]
            if forward is not key.descending
            else key.value < position[index]
        )
        alternatives.append(and_(*equal, further))
    return or_(false(), *alternatives)
