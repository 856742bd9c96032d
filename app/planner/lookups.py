"""Root fields that find one row by an argument, or rows of any type by global id."""

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Date,
    Text,
    Uuid,
    and_,
    case,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain import global_id
from app.domain.errors import Forbidden, Invalid
from app.planner.access import visible
from app.planner.catalogue import PlannedField, PlannedType
from app.planner.rows import TableRow
from app.planner.selection import Selected
from app.planner.values import as_given, name_text
from app.policies.conditions import ScopeCondition
from app.schema.types.declaration import Lookup, NodeLookup
from app.schema.types.sql import constant

if TYPE_CHECKING:
    from app.planner.compiler import Compiler

MAX_NODES = 100


class LookupCompiler:
    """One `customer(...)`, `node(id:)` or `nodes(ids:)`."""

    def __init__(self, compiler: "Compiler", field: PlannedField, selected: Selected) -> None:
        self.compiler = compiler
        self.field = field
        self.selected = selected
        self.arguments = compiler.arguments(field, selected)

    def json(self) -> ColumnElement[Any]:
        """The row or rows as JSON; null for what is not there, or not for this viewer."""
        declaration = self.field.declaration
        if isinstance(declaration, NodeLookup):
            return self._nodes() if declaration.plural else self._node()
        assert isinstance(declaration, Lookup)
        return self._row(declaration)

    def _row(self, declaration: Lookup) -> ColumnElement[Any]:
        given = [name for name in declaration.by if self.arguments.get(name) is not None]
        if len(given) != 1:
            names = " or ".join(f"`{name}`" for name in declaration.by)
            raise Invalid(f"Give exactly one of {names}.", *self.selected.path)
        (name,) = given
        planned_type = self.compiler.catalogue.type(self.field.target)
        rows = self._rows(planned_type)
        for told in _told_by(planned_type, declaration, name):
            self.compiler.guards.require_whole(told, rows, *self.selected.path, name)
        row = self.compiler.table_row(planned_type)
        match = self._match(declaration, name, planned_type, row)
        return self._object(planned_type, row, match, rows)

    def _match(
        self, declaration: Lookup, name: str, planned_type: PlannedType, row: TableRow
    ) -> ColumnElement[bool]:
        key = declaration.by[name]
        origin = self.arguments.origin(name)
        path = (*self.selected.path, name)
        bind = self.compiler.binder.bind
        if key is None:
            assert planned_type.source is not None

            def part(of: str) -> Any:
                return lambda text: getattr(global_id.decode_as(planned_type.name, text, *path), of)

            columns = planned_type.source.key
            parts = ("id",) if len(columns) == 1 else ("customer_id", "id")
            return and_(
                *(
                    row[column] == bind(Uuid(), origin, part(of))
                    for column, of in zip(columns, parts, strict=True)
                )
            )
        if isinstance(key, Column):
            return row[key] == bind(Text(), origin, name_text(*path))
        return key(row, bind(Date(), origin, as_given))

    def _rows(self, planned_type: PlannedType) -> ScopeCondition:
        """The rows that may be found; FORBIDDEN when there can be none."""
        rows = self.compiler.guards.grant.query(
            self.field.coordinate, planned_type.name
        ) & self.compiler.guards.rows(planned_type)
        if rows.is_never:
            raise Forbidden(self.field.coordinate, *self.selected.path)
        return rows

    def _object(
        self, planned_type: PlannedType, row: TableRow, match: ColumnElement[bool], rows: Any
    ) -> ColumnElement[Any]:
        assert planned_type.source is not None
        columns = self.compiler.object_columns(planned_type, row, rows, self.selected)
        seen = visible(planned_type.source, rows, row)
        statement = select(*columns).where(match, seen).select_from(row.from_clause())
        return self.compiler.json_of(statement.limit(literal_column("1")))

    def _node(self) -> ColumnElement[Any]:
        origin = self.arguments.origin("id")
        path = (*self.selected.path, "id")
        bind = self.compiler.binder.bind
        return self._any_type(
            bind(Text(), origin, lambda text: global_id.decode(text, *path).type_name),
            bind(Uuid(), origin, lambda text: global_id.decode(text, *path).id),
            bind(Uuid(), origin, lambda text: global_id.decode(text, *path).customer_id),
        )

    def _nodes(self) -> ColumnElement[Any]:
        origin = self.arguments.origin("ids")
        path = (*self.selected.path, "ids")

        def bounded(of: str) -> Any:
            def convert(texts: list[str]) -> list[Any]:
                if len(texts) > MAX_NODES:
                    raise Invalid(f"At most {MAX_NODES} ids at a time.", *path)
                return [getattr(global_id.decode(text, *path), of) for text in texts]

            return convert

        bind = self.compiler.binder.bind
        # Part of the statement, so that it counts like the size of a page.
        number = bind(BigInteger(), origin, len)
        wanted = self.compiler.alias("w")
        unnested = (
            func.unnest(
                bind(ARRAY(Text), origin, bounded("type_name")),
                bind(ARRAY(Uuid()), origin, bounded("id")),
                bind(ARRAY(Uuid()), origin, bounded("customer_id")),
            )
            .table_valued("type_name", "id", "customer_id", with_ordinality="position")
            .render_derived(name=wanted)
        )
        with self.compiler.bounds.inside_page(number.key):
            found = self._any_type(
                literal_column(f"{wanted}.type_name", Text()),
                literal_column(f"{wanted}.id", Uuid()),
                literal_column(f"{wanted}.customer_id", Uuid()),
            )
        name = self.compiler.alias("l")
        rows = select(found.label("node")).select_from(unnested).limit(number)
        ordered = rows.order_by(literal_column(f"{wanted}.position")).subquery(name)
        listed = func.json_agg(literal_column(f"{name}.node"))
        statement = select(func.coalesce(listed, literal_column("'[]'::json")))
        return statement.select_from(ordered).scalar_subquery()

    def _any_type(
        self, type_name: ColumnElement[Any], row_id: ColumnElement[Any], customer_id: Any
    ) -> ColumnElement[Any]:
        """Whichever type the id names: only that branch of the CASE is ever run."""
        branches: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = []
        for planned_type in self.compiler.catalogue.node_types():
            assert planned_type.source is not None
            rows = self.compiler.guards.rows(planned_type)
            if rows.is_never:
                continue
            row = self.compiler.table_row(planned_type)
            match = row[planned_type.source.key[-1]] == row_id
            if len(planned_type.source.key) > 1:
                match = and_(row[planned_type.source.key[0]] == customer_id, match)
            made = self._object(planned_type, row, match, rows)
            branches.append((type_name == constant(planned_type.name), made))
        return case(*branches, else_=null()) if branches else null()


def _told_by(planned_type: PlannedType, declaration: Lookup, name: str) -> list[PlannedField]:
    """The fields of which finding a row by this argument tells: an id tells of none."""
    assert planned_type.source is not None
    key = declaration.by[name]
    if key is None:
        return []
    told = (name,) if isinstance(key, Column) else planned_type.source.dated_by
    return [planned_type.fields[each] for each in told]
