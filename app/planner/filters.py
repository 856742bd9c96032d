"""Filters, derived from the declarations: nobody filters by what they may not read whole."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Numeric,
    Text,
    Uuid,
    and_,
    any_,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.domain import global_id
from app.domain.errors import Invalid
from app.models import case_folded
from app.planner.access import visible
from app.planner.catalogue import PlannedField, PlannedType
from app.planner.rows import TableRow
from app.planner.values import Arguments, Convert, as_given, checked_text, each, name_text
from app.policies.conditions import ScopeCondition
from app.schema.types.declaration import Kind, Leaf, One
from app.schema.types.sql import never, or_never

if TYPE_CHECKING:
    from app.planner.compiler import Compiler

Operator = Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]

MAX_DEPTH = 10

_COMPARISONS: Mapping[str, Operator] = {
    "eq": lambda value, given: value == given,
    "gt": lambda value, given: value > given,
    "gte": lambda value, given: value >= given,
    "lt": lambda value, given: value < given,
    "lte": lambda value, given: value <= given,
}


class FilterCompiler:
    """Turns one list's `filter` argument into conditions on a row."""

    def __init__(
        self,
        compiler: "Compiler",
        planned_type: PlannedType,
        row: TableRow,
        rows: ScopeCondition,
        arguments: Arguments,
    ) -> None:
        self.compiler = compiler
        self.type = planned_type
        self.row = row
        self.rows = rows
        self.arguments = arguments

    def conditions(self) -> ColumnElement[bool]:
        """Everything the filter asks for, and what lists leave out unless asked."""
        given = self.arguments.get("filter")
        condition = self._all_of(given, ()) if given else true()
        assert self.type.source is not None
        if self.type.source.unless_filtered:
            name, usual = self.type.source.unless_filtered
            if not _mentions(given, name):
                condition = and_(condition, usual(self.row))
        return condition

    def _all_of(self, given: Mapping[str, Any], path: tuple[str | int, ...]) -> ColumnElement[bool]:
        self.compiler.bounds.count_condition()
        if len(path) > 2 * MAX_DEPTH:
            raise Invalid(f"Filters nest at most {MAX_DEPTH} deep.", *self._shown(path))
        return and_(
            true(),
            *(
                self._one(name, value, (*path, name))
                for name, value in given.items()
                if value is not None
            ),
        )

    def _one(self, name: str, value: Any, path: tuple[str | int, ...]) -> ColumnElement[bool]:
        if name in {"and", "or"}:
            parts = [self._all_of(part, (*path, i)) for i, part in enumerate(value)]
            return and_(true(), *parts) if name == "and" else or_(false(), *parts)
        if name == "not":
            return not_(func.coalesce(self._all_of(value, path), false()))
        if name == "search":
            if len(path) > 1:
                raise Invalid("`search` stands at the top of a filter only.", *self._shown(path))
            return self.compiler.search(self.type, self.row, self.rows, self.arguments).matches
        assert self.type.source is not None
        if name in self.type.source.date_filters:
            for told in self.type.source.dated_by:
                self.compiler.guards.require_whole(
                    self.type.fields[told], self.rows, *self._shown(path)
                )
            day = self._bound(Date(), path, as_given)
            return self.type.source.date_filters[name](self.row, day)
        field = self.type.fields.get(name) or self._absent(name)
        self.compiler.guards.require_whole(field, self.rows, *self._shown(path))
        if isinstance(field.declaration, One):
            return self._related(field, name, value, path)
        return self._leaf(field, value, path)

    def _leaf(
        self, field: PlannedField, given: Any, path: tuple[str | int, ...]
    ) -> ColumnElement[bool]:
        leaf = field.declaration
        assert isinstance(leaf, Leaf)
        value = leaf.compared_in(self.rows)(self.row)
        if leaf.kind is Kind.CHOICE:
            return self._chosen(value, given, path)
        if leaf.kind is Kind.LIST:
            texts = self._bound(ARRAY(Text), path, each(self._checked(leaf, path)))
            return value.op("@>", is_comparison=True)(texts)
        operators = self._text_operators if leaf.kind is Kind.TEXT else self._exact_operators
        return and_(
            true(),
            *(
                operators(field, value, operator, (*path, operator))
                for operator, operand in given.items()
                if operand is not None
            ),
        )

    def _checked(self, leaf: Leaf, path: tuple[str | int, ...]) -> Convert:
        return (name_text if leaf.is_name else checked_text)(*self._shown(path))

    def _chosen(
        self, value: ColumnElement[Any], given: Any, path: tuple[str | int, ...]
    ) -> ColumnElement[bool]:
        """One of the choices given; of one alone, an index has the rows in the list's order."""
        if len(given) == 1:
            return value == self._bound(Text(), path, lambda chosen: _enum_text(chosen[0]))
        return value == any_(self._bound(ARRAY(Text), path, each(_enum_text)))

    def _exact_operators(
        self,
        field: PlannedField,
        value: ColumnElement[Any],
        operator: str,
        path: tuple[str | int, ...],
    ) -> ColumnElement[bool]:
        compare = _COMPARISONS[operator]
        is_date = isinstance(field.declaration, Leaf) and field.declaration.kind is Kind.DATE
        given = self._bound(Date() if is_date else Numeric(), path, as_given)
        if not is_date or field.is_always_there:
            return compare(value, given)
        # An absent date meets no condition. As it is indexed, it lies where none can be asked for.
        indexed = or_never(value)
        return and_(compare(value, given), compare(indexed, given), indexed < never())

    def _text_operators(
        self,
        field: PlannedField,
        value: ColumnElement[Any],
        operator: str,
        path: tuple[str | int, ...],
    ) -> ColumnElement[bool]:
        leaf = field.declaration
        assert isinstance(leaf, Leaf)
        checked = self._checked(leaf, path)
        if operator == "in":
            return value == any_(self._bound(ARRAY(Text), path, each(checked)))
        if operator == "eq":
            return value == self._bound(Text(), path, checked)
        after = "%"
        before = "%" if operator == "contains" else ""
        pattern = self._bound(
            Text(), path, lambda text: before + escaped_pattern(checked(text)) + after
        )
        return case_folded(value).like(case_folded(pattern))

    def _related(
        self, field: PlannedField, name: str, given: Any, path: tuple[str | int, ...]
    ) -> ColumnElement[bool]:
        """By the related row's id, or by there being none: among those that the viewer can see."""
        assert isinstance(field.declaration, One)
        related_type = self.compiler.catalogue.type(field.target)
        assert related_type.source is not None
        related = self.compiler.table_row(related_type)
        seen = self.compiler.guards.rows(related_type)
        conditions = [
            field.declaration.link(self.row, related),
            visible(related_type.source, seen, related),
        ]
        if name == field.declaration.absence:
            found = exists(select(1).select_from(related.from_clause()).where(*conditions))
            return not_(found) if given else found
        shown = self._shown(path)

        def row_id(text: str) -> Any:
            return global_id.decode_as(related_type.name, text, *shown).id

        key = related[related_type.source.key[-1]]
        if isinstance(given, list):
            conditions.append(key == any_(self._bound(ARRAY(Uuid()), path, each(row_id))))
        else:
            conditions.append(key == self._bound(Uuid(), path, row_id))
        return exists(select(1).select_from(related.from_clause()).where(*conditions))

    def _absent(self, name: str) -> PlannedField:
        return next(
            field
            for field in self.type.fields.values()
            if isinstance(field.declaration, One) and field.declaration.absence == name
        )

    def _bound(
        self, type_: Any, path: tuple[str | int, ...], convert: Callable[[Any], Any]
    ) -> ColumnElement[Any]:
        return self.compiler.binder.bind(type_, self.arguments.origin("filter", *path), convert)

    def _shown(self, path: tuple[str | int, ...]) -> tuple[str, ...]:
        return (*self.arguments.path, "filter", *(str(step) for step in path))


def escaped_pattern(text: str) -> str:
    """Text that LIKE takes literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _enum_text(value: Any) -> str:
    return str(value.value)


def _mentions(given: Any, name: str) -> bool:
    if isinstance(given, Mapping):
        return any(
            (key == name and value is not None) or _mentions(value, name)
            for key, value in given.items()
        )
    if isinstance(given, list):
        return any(_mentions(value, name) for value in given)
    return False
