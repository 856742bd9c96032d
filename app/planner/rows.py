"""Rows under aliases. References are literal text of our own names: nesting never confuses them."""

from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, literal_column

from app.schema.types.declaration import Joined, Source


class TableRow:
    """A row of a type's table under an alias. Only tables that are touched are joined."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source
        self._joined: list[Joined] = []

    def __getitem__(self, column: Column[Any]) -> ColumnElement[Any]:
        table = column.table
        if table is self.source.table:
            return _reference(self.name, column.name, column)
        if table not in self._joined:
            if table not in self.source.joins:
                raise KeyError(f"{self.source.table.name} does not join {table}")
            self._joined.append(table)
        return _reference(f"{self.name}_{table.name}", column.name, column)

    def from_clause(self, of: FromClause | None = None) -> FromClause:
        """The table with all that was touched. Call it after everything else was compiled.

        `of` stands for the table, and has its columns under this row's name.
        """
        clause: FromClause = self.source.table.alias(self.name) if of is None else of
        for table in self._joined:
            joined = _JoinedRow(f"{self.name}_{table.name}")
            condition = self.source.joins[table](self, joined)
            is_outer = table not in self.source.always_there
            clause = clause.join(table.alias(joined.name), condition, isouter=is_outer)
        return clause


class _JoinedRow:
    """A one-to-one table beside a `TableRow`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getitem__(self, column: Column[Any]) -> ColumnElement[Any]:
        return _reference(self.name, column.name, column)


class PageRow:
    """A row of a page: a subselect that filtered and limited. Records what it must carry."""

    def __init__(self, name: str, source: Source) -> None:
        self.name = name
        self.source = source
        self.needed: dict[str, Column[Any]] = {}

    def __getitem__(self, column: Column[Any]) -> ColumnElement[Any]:
        label = f"{column.table}_{column.name}"
        self.needed[label] = column
        return _reference(self.name, label, column)

    def carried(self, row: TableRow) -> list[ColumnElement[Any]]:
        """The columns that the subselect over `row` must have."""
        return [row[column].label(label) for label, column in self.needed.items()]


PlannedRow = TableRow | PageRow


def _reference(alias: str, name: str, column: Column[Any]) -> ColumnElement[Any]:
    return literal_column(f'"{alias}"."{name}"', column.type)
