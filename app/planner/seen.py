"""Which rows of a list the viewer sees, and by which owners they are found and counted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Select,
    case,
    cast,
    func,
    literal_column,
    select,
)

from app.models import customers
from app.planner.access import unconditional, visible
from app.planner.catalogue import PlannedType
from app.planner.rows import PlannedRow, TableRow
from app.policies.conditions import ScopeCondition
from app.schema.types.declaration import Owner

if TYPE_CHECKING:
    from app.planner.compiler import Compiler


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """A row of `customers`: whether the viewer sees what is theirs, and whether a row is."""

    row: TableRow
    is_seen: ColumnElement[bool]
    owns: ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The rows of one list that exist for the viewer: those that meet `rows`.

    `parent` is the row that the list hangs on, None for a list of the root. `is_known`: the parent
    would not be there if its rows were not seen.
    """

    compiler: "Compiler"
    type: PlannedType
    rows: ScopeCondition
    parent: PlannedRow | None
    is_known: bool

    def conditions(self, row: TableRow) -> list[ColumnElement[bool]]:
        """What a row must meet to be seen, if anything."""
        if self.is_known:
            return []
        assert self.type.source is not None
        condition = visible(self.type.source, self.rows, row)
        return [] if unconditional(condition) else [condition]

    def owner_of(self, row: TableRow) -> OwnerRow | None:
        """The customers whose rows are seen, where these are fewer than all."""
        source = self.type.source
        assert source is not None
        if (
            self.parent is not None
            or source.owner is not Owner.CUSTOMER
            or source.table is customers
            or self.rows.is_always
        ):
            return None
        owner, is_seen = self._owner()
        assert source.customer_id is not None
        return OwnerRow(owner, is_seen, row[source.customer_id] == owner[customers.c.id])

    def customers(self, row: TableRow) -> FromClause | None:
        """The customers that are seen, in place of their table, where these are fewer than all.

        They are found by whom they are assigned to and nothing else: in the order of a list, or by
        a condition of its filter, everybody's would be looked through for them.
        """
        source = self.type.source
        assert source is not None
        if self.parent is not None or source.table is not customers or self.rows.is_always:
            return None
        found: Select[Any] = select(literal_column(f'"{row.name}".*')).where(*self.conditions(row))
        fenced = found.select_from(row.source.table.alias(row.name)).offset(literal_column("0"))
        return fenced.subquery(row.name)

    def total(self, column: Column[Any]) -> ColumnElement[Any]:
        """The number of rows in the whole list, by the column that has each customer's."""
        if self.parent is None:
            return self._sum(column)
        if self.is_known:
            return self.parent[column]
        source = self.compiler.catalogue.type("Customer").source
        assert source is not None
        seen = visible(source, self.rows, self.parent)
        return case((seen, self.parent[column]), else_=literal_column("0"))

    def _sum(self, column: Column[Any]) -> ColumnElement[Any]:
        if self.rows.is_always:
            numbers = column.table.alias(self.compiler.alias("a"))
            return select(_added(numbers.c[column.name])).scalar_subquery()
        owner, is_seen = self._owner()
        added = select(_added(owner[column])).where(is_seen)
        return added.select_from(owner.from_clause()).scalar_subquery()

    def _owner(self) -> tuple[TableRow, ColumnElement[bool]]:
        customer_type = self.compiler.catalogue.type("Customer")
        owner = self.compiler.table_row(customer_type)
        assert customer_type.source is not None
        return owner, visible(customer_type.source, self.rows, owner)


def _added(numbers: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(func.coalesce(func.sum(numbers), literal_column("0")), BigInteger)
