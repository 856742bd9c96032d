"""Which columns each declared field reads: found by letting its declaration build its SQL."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, Function, Table, literal_column
from sqlalchemy.sql.selectable import Alias
from sqlalchemy.sql.visitors import iterate

from app.domain.hashing import FinancialFields, LineFigures
from app.planner.catalogue import Catalogue, PlannedField
from app.schema.types.declaration import Connected, Derived, Embedded, Leaf, Many, One, Source

Touched = dict[tuple[str, str], set[str]]
"""For a table and a column, the coordinates that read it."""

HASHED = [
    *(("ledger_entries", name) for name in FinancialFields.__slots__ if name != "lines"),
    *(("entry_lines", name) for name in LineFigures.__slots__),
]
"""What an entry's hash is made of, inside the database."""


class Probe:
    """A row that notes which of its columns are asked for."""

    def __init__(self) -> None:
        self.columns: set[tuple[str, str]] = set()

    def __getitem__(self, column: Column[Any]) -> ColumnElement[Any]:
        self.columns.add((str(column.table.name), column.name))
        return literal_column(f"{column.table.name}.{column.name}", column.type)


def touched_columns(catalogue: Catalogue) -> tuple[Touched, set[tuple[str, str]]]:
    """What every coordinate reads of its own row, or of others; and what links are made of."""
    touched: Touched = defaultdict(set)
    linked: set[tuple[str, str]] = set()
    for planned_type in catalogue.types.values():
        if planned_type.source is not None:
            linked |= _structure(planned_type.source)
        for field in planned_type.fields.values():
            ours, theirs = _of(field)
            for each in ours:
                touched[each].add(field.coordinate)
            linked |= theirs
    return touched, linked


def _structure(source: Source) -> Iterator[tuple[str, str]] | set[tuple[str, str]]:
    """Keys, and what one-to-one tables are joined by."""
    ours, theirs = Probe(), Probe()
    for join in source.joins.values():
        join(ours, theirs)
    keys = {(str(each.table.name), each.name) for each in source.key}
    return keys | ours.columns | theirs.columns


def _of(field: PlannedField) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    ours, theirs = Probe(), Probe()
    made: Any = None
    declaration = field.declaration
    if isinstance(declaration, Leaf):
        made = declaration.value(ours)
        if declaration.subject is not None:
            declaration.subject(ours)
    elif isinstance(declaration, Embedded) and declaration.present:
        made = declaration.present(ours)
    elif isinstance(declaration, One | Many | Connected) and declaration.link:
        made = declaration.link(_NoRow(ours), theirs)
    elif isinstance(declaration, Derived):
        given = {
            name: literal_column("x", type_) for name, (type_, _) in declaration.arguments.items()
        }
        made = declaration.rows(ours, given)
    return ours.columns | set(_inside(made)), theirs.columns


class _NoRow(Probe):
    """A parent that may be no row at all, as that of a root field."""

    def __init__(self, noting: Probe) -> None:
        self.columns = noting.columns


def _inside(made: Any) -> Iterator[tuple[str, str]]:
    """Columns of other tables, read by a subselect."""
    if made is None:
        return
    for element in iterate(made):
        if isinstance(element, Function) and element.name == "entry_hash":
            yield from HASHED
        table = getattr(element, "table", None)
        if isinstance(element, Column) and isinstance(table, Alias):
            assert isinstance(table.element, Table)
            yield str(table.element.name), element.name
