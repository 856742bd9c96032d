"""Pages: filter, order and limit in the innermost subselect; then JSON for what is left."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    cast,
    exists,
    false,
    func,
    literal_column,
    not_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain.errors import Invalid
from app.planner.catalogue import PlannedType
from app.planner.cursors import bound_position, cursor_text
from app.planner.filters import FilterCompiler
from app.planner.orders import OrderKey, beyond, order_keys
from app.planner.rows import PageRow, TableRow
from app.planner.seen import OwnerRow, Seen
from app.planner.selection import Selected
from app.planner.values import Arguments, Constant
from app.schema.types.declaration import Connected
from app.schema.types.node import DEFAULT_PAGE, MAX_PAGE
from app.schema.types.sql import constant

if TYPE_CHECKING:
    from app.planner.compiler import Compiler

# json_build_object takes a hundred arguments.
MAX_PAGE_INFO_FIELDS = 50


@dataclass(frozen=True, slots=True)
class Window:
    """Which way a page is read, and how many rows it has at most."""

    forward: bool
    size: BindParameter[Any]


class PageCompiler:
    """One connection field: everything that is selected of one page of one list.

    `condition` is what makes a row belong to the list; whether it is `seen` and the filter come on
    top of it.
    """

    def __init__(
        self,
        compiler: "Compiler",
        planned_type: PlannedType,
        declaration: Connected,
        row: TableRow,
        selected: Selected,
        arguments: Arguments,
        condition: ColumnElement[bool],
        seen: Seen,
    ) -> None:
        assert planned_type.source is not None
        self.compiler = compiler
        self.type = planned_type
        self.declaration = declaration
        self.row = row
        self.selected = selected
        self.arguments = arguments
        self.seen = seen
        self.rows = rows = seen.rows
        self.page = PageRow(compiler.alias("p"), planned_type.source)
        filters = FilterCompiler(compiler, planned_type, row, rows, arguments)
        self.is_filtered = bool(arguments.get("filter"))
        self.belonging = and_(condition, filters.conditions())
        self.matching = and_(self.belonging, *seen.conditions(row))
        self.keys = order_keys(compiler, planned_type, row, rows, declaration, arguments)
        self.window = _window(compiler, arguments)
        self.positions = {
            name: bound_position(compiler, planned_type.name, self.keys, arguments, name)
            for name in ("after", "before")
            if arguments.get(name) is not None
        }
        self.looks_ahead = self._selects_lookahead()
        self.laterals: list[FromClause] = []
        self.reads_page = False

    def json(self) -> ColumnElement[Any]:
        """The connection as one JSON object, as a scalar subselect."""
        selections = self.compiler.selections.of(f"{self.type.name}Connection", self.selected)
        with self.compiler.bounds.inside_page(self.window.size.key):
            columns = [self._field(selected).label(selected.key) for selected in selections]
        statement = select(*columns)
        if self.reads_page:
            source: FromClause = self._numbered_page()
            for lateral in self.laterals:
                source = source.join(lateral, true())
            statement = statement.select_from(source)
        return self.compiler.json_of(statement)

    def _field(self, selected: Selected) -> ColumnElement[Any]:
        if selected.name == "nodes":
            return self._listed(self._node(selected))
        if selected.name == "edges":
            return self._listed(self._edge(selected))
        if selected.name == "pageInfo":
            return self._page_info(selected)
        if selected.name == "totalCount":
            return self._count()
        return constant(f"{self.type.name}Connection")

    def _listed(self, name: str) -> ColumnElement[Any]:
        """Every row of the page, in the page's order: that of the subselect it comes from."""
        self.reads_page = True
        made: ColumnElement[Any] = func.json_agg(literal_column(name))
        if self.looks_ahead:
            made = made.filter(self._number() <= self.window.size)
        return func.coalesce(made, literal_column("'[]'::json"))

    def _node(self, selected: Selected) -> str:
        name = self.compiler.alias("n")
        columns = self.compiler.object_columns(self.type, self.page, self.rows, selected)
        self.laterals.append(select(*columns).lateral(name))
        return name

    def _edge(self, parent: Selected) -> str:
        columns: list[ColumnElement[Any]] = []
        for selected in self.compiler.selections.of(f"{self.type.name}Edge", parent):
            if selected.name == "cursor":
                value = self._cursor()
            elif selected.name == "node":
                value = func.row_to_json(literal_column(self._node(selected)))
            else:
                value = constant(f"{self.type.name}Edge")
            columns.append(value.label(selected.key))
        name = self.compiler.alias("e")
        self.laterals.append(select(*columns).lateral(name))
        return name

    def _page_info(self, selected: Selected) -> ColumnElement[Any]:
        parts: list[ColumnElement[Any]] = []
        fields = self.compiler.selections.of("PageInfo", selected)
        if len(fields) > MAX_PAGE_INFO_FIELDS:
            raise Invalid(f"At most {MAX_PAGE_INFO_FIELDS} fields here.", *selected.path)
        for field in fields:
            parts += (constant(field.key), self._page_fact(field.name))
        return func.json_build_object(*parts)

    def _page_fact(self, name: str) -> ColumnElement[Any]:
        forward = self.window.forward
        if name == "hasNextPage":
            return self._has_more() if forward else self._has_rows_behind("before")
        if name == "hasPreviousPage":
            return self._has_rows_behind("after") if forward else self._has_more()
        if name in {"startCursor", "endCursor"}:
            return self._outer_cursor(is_last=name == "endCursor")
        return constant("PageInfo")

    def _has_more(self) -> ColumnElement[Any]:
        """Whether the page was cut off: it was read with one row to spare."""
        self.reads_page = True
        return func.count() > self.window.size

    def _has_rows_behind(self, name: str) -> ColumnElement[Any]:
        """Whether there are rows on the other side of the cursor that the page starts from."""
        position = self.positions.get(name)
        if position is None:
            return false()
        behind = not_(beyond(self.keys, position, forward=name == "after"))
        return exists(select(1).select_from(self.row.from_clause()).where(self.matching, behind))

    def _outer_cursor(self, *, is_last: bool) -> ColumnElement[Any]:
        """The cursor of the page's first or last row.

        No aggregate here has an ORDER BY: PostgreSQL would sort the rows for one of them, and the
        others, `_listed` among them, would get them in that order.
        """
        self.reads_page = True
        every: Any = func.array_agg(self._cursor(), type_=ARRAY(Text))
        count: Any = func.count()
        if self.looks_ahead:
            shown = self._number() <= self.window.size
            every, count = every.filter(shown), count.filter(shown)
        place = cast(count, Integer) if is_last else literal_column("1", Integer())
        first_or_last: ColumnElement[Any] = every[place]
        return first_or_last

    def _cursor(self) -> ColumnElement[Any]:
        values = [self._key_on_page(index) for index in range(len(self.keys))]
        return cursor_text(self.type.name, self.keys, values)

    def _key_on_page(self, index: int) -> ColumnElement[Any]:
        return literal_column(f'"{self.page.name}"."k{index}"', self.keys[index].type)

    def _number(self) -> ColumnElement[Any]:
        return literal_column(f'"{self.page.name}"."number"', BigInteger())

    def _count(self) -> ColumnElement[Any]:
        if self.declaration.total is not None and not self.is_filtered:
            return self.seen.total(self.declaration.total)
        statement = select(func.count()).select_from(self.row.from_clause()).where(self.matching)
        return statement.scalar_subquery()

    def _numbered_page(self) -> FromClause:
        """The page's rows with what is needed of them, numbered from the end they are read from."""
        forward = self.window.forward
        owner = self.seen.owner_of(self.row)
        conditions = [self.matching if owner is None else self.belonging]
        for name, position in self.positions.items():
            conditions.append(beyond(self.keys, position, forward=name == "after"))
        limit = self.window.size + literal_column("1") if self.looks_ahead else self.window.size
        rows = (
            select(
                *self.page.carried(self.row),
                *(key.value.label(f"k{i}") for i, key in enumerate(self.keys)),
            )
            .where(*conditions)
            .order_by(*(_directed(key.value, key, forward=forward) for key in self.keys))
            .limit(limit)
        )
        # The table's own from clause last: everything above may have touched a joined table.
        rows = rows.select_from(self.row.from_clause(self.seen.customers(self.row)))
        if owner is not None:
            rows = self._first_of_each(owner, rows).limit(limit)
        read = rows.subquery(self.compiler.alias("r"))
        numbered = select(
            literal_column(f"{read.name}.*"), func.row_number().over().label("number")
        )
        numbered = numbered.select_from(read)
        if not forward:
            numbered = numbered.order_by(literal_column("number").desc())
        return numbered.subquery(self.page.name)

    def _first_of_each(self, owner: OwnerRow, rows: Select[Any]) -> Select[Any]:
        """The first rows of all owners, out of the first ones of each.

        Who sees few owners' rows would otherwise have everybody's read in the list's order.
        """
        name = self.compiler.alias("f")
        of_each = rows.where(owner.owns).lateral(name)
        merged: Select[Any] = select(literal_column(f"{name}.*")).select_from(
            owner.row.from_clause().join(of_each, true())
        )
        order = (
            _directed(literal_column(f'{name}."k{i}"'), key, forward=self.window.forward)
            for i, key in enumerate(self.keys)
        )
        return merged.where(owner.is_seen).order_by(*order)

    def _selects_lookahead(self) -> bool:
        wanted = "hasNextPage" if self.window.forward else "hasPreviousPage"
        of = self.compiler.selections.of
        return any(
            field.name == wanted
            for selected in of(f"{self.type.name}Connection", self.selected)
            if selected.name == "pageInfo"
            for field in of("PageInfo", selected)
        )


def _window(compiler: "Compiler", arguments: Arguments) -> Window:
    first, last = arguments.get("first"), arguments.get("last")
    if first is not None and last is not None:
        raise Invalid("Give `first` or `last`, not both.", *arguments.path, "last")
    name = "first" if last is None else "last"

    def within_bounds(value: int) -> int:
        if not 1 <= value <= MAX_PAGE:
            raise Invalid(f"A page has 1 to {MAX_PAGE} rows.", *arguments.path, name)
        return value

    given = arguments.get(name) is not None
    origin = arguments.origin(name) if given else Constant(DEFAULT_PAGE)
    size = compiler.binder.bind(BigInteger(), origin, within_bounds)
    return Window(forward=last is None, size=size)


def _directed(value: ColumnElement[Any], key: OrderKey, *, forward: bool) -> ColumnElement[Any]:
    return value.asc() if forward is not key.descending else value.desc()
