"""Puts one statement together out of a selection set, a grant and the shape of the variables."""

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

from graphql import FragmentDefinitionNode, SelectionSetNode
from graphql.execution.values import VariableValues
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Integer,
    Label,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.types import TypeEngine

from app.domain.errors import Forbidden
from app.planner.access import Guards, unconditional, visible
from app.planner.bounds import Bounds
from app.planner.catalogue import Catalogue, PlannedField, PlannedType, has_masked_form
from app.planner.leaves import as_json, global_id
from app.planner.lookups import LookupCompiler
from app.planner.pages import PageCompiler
from app.planner.recorded import RecordedValues
from app.planner.rows import PlannedRow, TableRow
from app.planner.search import Search, compile_search
from app.planner.seen import Seen
from app.planner.selection import Selected, Selections
from app.planner.values import Arguments, Binder, Span, as_given
from app.policies.conditions import ALWAYS, ScopeCondition
from app.policies.grant import Grant
from app.schema.types.declaration import (
    Bound,
    Connected,
    Derived,
    Embedded,
    GlobalIdLeaf,
    Kind,
    Leaf,
    Limit,
    Lookup,
    Many,
    NodeLookup,
    One,
    Owner,
)
from app.schema.types.sql import constant

_BOUND_TYPES: dict[Kind, TypeEngine[Any]] = {
    Kind.BOOLEAN: Boolean(),
    Kind.NUMBER: Integer(),
    Kind.JSON: JSON(),
}


class Compiler:
    """The state of one compilation.

    `guards`, `binder`, `bounds` and `spans` hold its results beside the statement.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        grant: Grant,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self.catalogue = catalogue
        self.variables = variables
        self.selections = Selections(catalogue, fragments, variables.coerced)
        self.guards = Guards(grant)
        self.binder = Binder()
        self.bounds = Bounds()
        self.spans: list[Span] = []
        self._aliases = 0

    def alias(self, prefix: str) -> str:
        """A name that nothing else in the statement has: no response key has a dollar sign."""
        self._aliases += 1
        return f"{prefix}${self._aliases}"

    def table_row(self, planned_type: PlannedType) -> TableRow:
        """A fresh row of the type's table."""
        assert planned_type.source is not None
        self.bounds.count_relation()
        return TableRow(self.alias("t"), planned_type.source)

    def json_of(self, statement: Select[Any]) -> ColumnElement[Any]:
        """The statement's one row as a JSON object, or null: a scalar subselect."""
        name = self.alias("o")
        rows = statement.subquery(name)
        made = select(func.row_to_json(literal_column(name))).select_from(rows)
        return made.scalar_subquery()

    def json_list_of(
        self, statement: Select[Any], limit: Limit | None, parent: PlannedRow, selected: Selected
    ) -> ColumnElement[Any]:
        """The statement's rows as a JSON list, in its order: a scalar subselect.

        Where nobody knows their number beforehand, one too many is read to know that there are too
        many. Then nothing is answered.
        """
        name = self.alias("o")
        if limit is not None and limit.counted is None:
            statement = statement.limit(literal_column(str(limit.rows + 1)))
        rows = statement.subquery(name)
        listed = func.json_agg(literal_column(name))
        made = select(func.coalesce(listed, literal_column("'[]'::json"))).select_from(rows)
        if limit is not None:
            number = limit.counted(parent) if limit.counted else func.count()
            path = ".".join(selected.path)
            allowed: ColumnElement[int] = literal_column(str(limit.rows))
            within = func.at_most(number, allowed, constant(limit.advice), constant(path))
            made = made.where(within) if limit.counted else made.having(within)
        return made.scalar_subquery()

    def search(
        self,
        planned_type: PlannedType,
        row: TableRow,
        rows: ScopeCondition,
        arguments: Arguments,
    ) -> Search:
        """The list's `filter.search`."""
        return compile_search(self, planned_type, row, rows, arguments)

    def root_columns(
        self, type_name: str, selection_sets: Iterable[SelectionSetNode]
    ) -> list[Label[Any]]:
        """The fields of an operation or of a mutation's payload: JSON values by response key."""
        planned_type = self.catalogue.type(type_name)
        return [
            self._root_field(planned_type, selected).label(selected.key)
            for selected in self.selections.at_root(type_name, selection_sets)
        ]

    def object_columns(
        self,
        planned_type: PlannedType,
        row: PlannedRow,
        rows: ScopeCondition,
        parent: Selected,
        *,
        masked: bool = False,
    ) -> list[ColumnElement[Any]]:
        """The fields selected under `parent`, which is or lists such objects: JSON by their keys.

        `rows` is what is known of the row: the condition it was found by. `masked` asks for the
        form only, of an embedded object that the viewer may not see whole.
        """
        columns: list[ColumnElement[Any]] = []
        characters = 0
        with self.bounds.inside_object():
            for selected in self.selections.of(planned_type.name, parent):
                self.bounds.count_field(selected.path)
                characters += len(selected.key) + len(',"":')
                if selected.name == "__typename":
                    value: ColumnElement[Any] = constant(planned_type.name)
                else:
                    field = planned_type.fields[selected.name]
                    value = self._guarded(planned_type, field, row, rows, selected, masked=masked)
                    characters += getattr(field.declaration, "characters", 0)
                columns.append(value.label(selected.key))
        self.bounds.count_characters(characters)
        return columns

    def arguments(self, field: PlannedField, selected: Selected) -> Arguments:
        """The field's coerced arguments."""
        return Arguments(field.graphql, selected, self.variables)

    def _root_field(self, planned_type: PlannedType, selected: Selected) -> ColumnElement[Any]:
        self.bounds.count_field(selected.path)
        if selected.name == "__typename":
            return constant(f'"{planned_type.name}"')
        field = planned_type.fields[selected.name]
        declaration = field.declaration
        if isinstance(declaration, Bound):
            kind = _BOUND_TYPES.get(declaration.kind, Text())
            return func.to_json(bindparam(declaration.name, type_=kind))
        if isinstance(declaration, (Lookup, NodeLookup)):
            return LookupCompiler(self, field, selected).json()
        allowed = self.guards.grant.query(field.coordinate, field.item)
        if allowed.is_never and planned_type.name == "Query":
            raise Forbidden(field.coordinate, *selected.path)
        rows = self.guards.rows(self.catalogue.type(field.item))
        return self._related(field, _NoRow(), ALWAYS, selected, rows & allowed)

    def _guarded(
        self,
        planned_type: PlannedType,
        field: PlannedField,
        row: PlannedRow,
        rows: ScopeCondition,
        selected: Selected,
        *,
        masked: bool,
    ) -> ColumnElement[Any]:
        source = planned_type.source or row.source
        if masked:
            form = self._value(planned_type, field, row, rows, selected, masked=True)
            return self.guards.apply_form(field, rows, source, row, form)

        def make(masked_form: bool) -> ColumnElement[Any] | None:
            return self._value(planned_type, field, row, rows, selected, masked=masked_form)

        return self.guards.apply(field, rows, source, row, make)

    def _value(
        self,
        planned_type: PlannedType,
        field: PlannedField,
        row: PlannedRow,
        rows: ScopeCondition,
        selected: Selected,
        *,
        masked: bool,
    ) -> ColumnElement[Any] | None:
        """The field's value, whole or in its masked form; None when it has no masked form."""
        declaration = field.declaration
        if isinstance(declaration, Leaf):
            value = declaration.value(row)
            if masked:
                return declaration.mask(value) if declaration.mask else None
            if declaration.subject is not None:
                subject = declaration.subject(row)
                return RecordedValues(self, field.coordinate, value, subject, row, rows).json()
            return as_json(value, declaration.kind)
        if isinstance(declaration, GlobalIdLeaf):
            return global_id(planned_type, row)
        if isinstance(declaration, Embedded):
            return self._embedded(field, declaration, row, rows, selected, masked=masked)
        return None if masked else self._read(field, row, rows, selected)

    def _read(
        self, field: PlannedField, row: PlannedRow, rows: ScopeCondition, selected: Selected
    ) -> ColumnElement[Any]:
        """What is read from other rows: computed from them, or rows of another type."""
        declaration = field.declaration
        if isinstance(declaration, Derived):
            return self._derived(field, declaration, row, rows, selected)
        concrete = declaration.concrete if isinstance(declaration, One) else None
        related_rows = self.guards.rows(self.catalogue.type(concrete or field.item))
        return self._related(field, row, rows, selected, related_rows)

    def _embedded(
        self,
        field: PlannedField,
        declaration: Embedded,
        row: PlannedRow,
        rows: ScopeCondition,
        selected: Selected,
        *,
        masked: bool,
    ) -> ColumnElement[Any] | None:
        embedded_type = self.catalogue.type(field.target)
        if masked and not has_masked_form(embedded_type):
            return None
        columns = self.object_columns(embedded_type, row, rows, selected, masked=masked)
        made = self.json_of(select(*columns))
        if declaration.present is None:
            return made
        return case((declaration.present(row), made), else_=null())

    def _derived(
        self,
        field: PlannedField,
        declaration: Derived,
        row: PlannedRow,
        rows: ScopeCondition,
        selected: Selected,
    ) -> ColumnElement[Any]:
        self.bounds.count_rows(declaration.weight)
        arguments = self.arguments(field, selected)
        if declaration.span:
            first, last = (arguments.origin(name) for name in declaration.span)
            self.spans.append(Span(first, last, (*selected.path, declaration.span[0])))
        given = {
            name: default()
            if default is not None and arguments.get(name) is None
            else self.binder.bind(type_, arguments.origin(name), as_given)
            for name, (type_, default) in declaration.arguments.items()
        }
        computed_type = self.catalogue.type(field.target)
        computed = self.table_row(computed_type)
        assert computed_type.source is not None
        seen = self.guards.rows(computed_type) if computed_type.source.part_of else rows
        with self.bounds.inside_list(declaration.limit) if declaration.plural else nullcontext():
            columns = self.object_columns(computed_type, computed, seen, selected)
        source = declaration.rows(row, given).subquery(computed.name)
        statement = select(*columns).select_from(source)
        if not seen.covers(rows):
            statement = statement.where(visible(computed_type.source, seen, computed))
        if declaration.plural:
            ordered = statement.order_by(*(computed[column] for column in declaration.order))
            return self.json_list_of(ordered, declaration.limit, row, selected)
        return self.json_of(statement)

    def _related(
        self,
        field: PlannedField,
        parent: Any,
        parent_rows: ScopeCondition,
        selected: Selected,
        rows: ScopeCondition,
    ) -> ColumnElement[Any]:
        """Rows of another type: one, a bounded list, or a page."""
        declaration = field.declaration
        assert isinstance(declaration, (One, Many, Connected))
        concrete = declaration.concrete if isinstance(declaration, One) else None
        related_type = self.catalogue.type(concrete or field.item)
        row = self.table_row(related_type)
        seen = Seen(
            compiler=self,
            type=related_type,
            rows=rows,
            parent=None if isinstance(parent, _NoRow) else parent,
            is_known=self._is_known_visible(related_type, rows, parent, parent_rows),
        )
        links = [] if declaration.link is None else [declaration.link(parent, row)]
        linked = [literal_column("true"), *(each for each in links if not unconditional(each))]
        if isinstance(declaration, Connected):
            arguments = self.arguments(field, selected)
            return PageCompiler(
                self, related_type, declaration, row, selected, arguments, and_(*linked), seen
            ).json()
        condition = and_(*linked, *seen.conditions(row))
        is_list = isinstance(declaration, Many)
        limit = declaration.limit if isinstance(declaration, Many) else None
        with self.bounds.inside_list(limit) if is_list else nullcontext():
            columns = self.object_columns(related_type, row, rows, selected)
        statement = select(*columns).select_from(row.from_clause()).where(condition)
        if isinstance(declaration, Many):
            ordered = statement.order_by(*(row[column] for column in declaration.order))
            return self.json_list_of(ordered, limit, parent, selected)
        return self.json_of(statement)

    def _is_known_visible(
        self,
        related_type: PlannedType,
        rows: ScopeCondition,
        parent: Any,
        parent_rows: ScopeCondition,
    ) -> bool:
        """Whether the parent's own visibility already says that the related row is visible.

        What belongs to a customer is visible with it: from one row of a customer to another row of
        the same customer, the same facts hold.
        """
        parent_source = getattr(parent, "source", None)
        related_source = related_type.source
        return (
            parent_source is not None
            and related_source is not None
            and parent_source.owner is Owner.CUSTOMER
            and related_source.owner is Owner.CUSTOMER
            and rows.covers(parent_rows)
        )


class _NoRow:
    """The parent of a root field: links from it use bound parameters only."""

    source = None

    def __getitem__(self, column: Any) -> ColumnElement[Any]:
        raise KeyError(f"a root field has no {column}")
