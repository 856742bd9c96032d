"""Recorded values: the columns of another row as JSON, shown as far as that row's own fields are.

What an audit event keeps of a customer is not seen by who may not see it on the customer. Keys
stay, so that it is known that something changed; their values are masked or null.
"""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Text, case, cast, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import JSONB

from app.planner.access import Make, visible
from app.planner.catalogue import PlannedField, PlannedType, has_masked_form
from app.planner.rows import PlannedRow
from app.policies.conditions import ALWAYS, ScopeCondition
from app.schema.types.declaration import Embedded, Leaf, One, Owner
from app.schema.types.sql import constant

if TYPE_CHECKING:
    from app.planner.compiler import Compiler


class RecordedValues:
    """A JSON column of `row`, whose keys are columns of the row that `subject` names the type of.

    Both rows belong to the same customer: what scopes say of one holds for the other.
    """

    def __init__(
        self,
        compiler: "Compiler",
        coordinate: str,
        content: ColumnElement[Any],
        subject: ColumnElement[Any],
        row: PlannedRow,
        rows: ScopeCondition,
    ) -> None:
        self.compiler = compiler
        self.coordinate = coordinate
        self.content = content
        self.subject = subject
        self.row = row
        self.rows = rows
        self.name = compiler.alias("v")
        self.value: ColumnElement[Any] = literal_column(f'"{self.name}"."value"', JSONB())

    def json(self) -> ColumnElement[Any]:
        """The column as it is, but for what is kept back."""
        branches = []
        for planned_type in self.compiler.catalogue.node_types():
            assert planned_type.source is not None
            if planned_type.source.owner is Owner.CUSTOMER:
                shown = self._of(planned_type)
                if shown is not self.content:
                    branches.append((self.subject == constant(planned_type.name), shown))
        return case(*branches, else_=self.content) if branches else self.content

    def _of(self, planned_type: PlannedType) -> ColumnElement[Any]:
        """What is shown of a row of this type: nothing, where the viewer has no such row."""
        kept_back = self._kept_back(planned_type)
        shown = self._rebuilt(kept_back) if kept_back else self.content
        guards = self.compiler.guards
        seen = guards.rows(planned_type)
        if seen.covers(self.rows):
            return shown
        guards.withheld[self.coordinate] = None
        return case((visible(self.row.source, seen, self.row), shown), else_=null())

    def _rebuilt(self, kept_back: dict[str, ColumnElement[Any]]) -> ColumnElement[Any]:
        key: ColumnElement[Any] = literal_column(f'"{self.name}"."key"', Text())
        shown = case(
            *((key == constant(name), made) for name, made in kept_back.items()), else_=self.value
        )
        each = func.jsonb_each(self.content).table_valued("key", "value").render_derived(self.name)
        rebuilt = select(func.jsonb_object_agg(key, shown)).select_from(each).scalar_subquery()
        # Of an empty object, and of none, nothing is put together.
        return func.coalesce(rebuilt, self.content)

    def _kept_back(self, planned_type: PlannedType) -> dict[str, ColumnElement[Any]]:
        """By column, what stands in for values that are not shown whole everywhere."""
        shown: dict[str, ColumnElement[Any]] = {}
        for field in planned_type.fields.values():
            for name, made in self._columns(field):
                shown.setdefault(name, made)
        return {name: made for name, made in shown.items() if made is not self.value}

    def _columns(self, field: PlannedField) -> Iterator[tuple[str, ColumnElement[Any]]]:
        """The columns that a field is made of, each as the field shows it."""
        if isinstance(field.declaration, Leaf):
            if field.declaration.column is not None:
                yield field.declaration.column, self._shown(field, partial(self._leaf, field))
        elif isinstance(field.declaration, One):
            if field.declaration.column is not None:
                yield (
                    field.declaration.column.name,
                    self._shown(field, partial(self._reference, field)),
                )
        elif isinstance(field.declaration, Embedded):
            embedded_type = self.compiler.catalogue.type(field.target)
            for part in embedded_type.fields.values():
                assert isinstance(part.declaration, Leaf)
                if part.declaration.column is not None:
                    make = partial(self._part, embedded_type, part)
                    yield part.declaration.column, self._shown(field, make)

    def _shown(self, field: PlannedField, make: Make) -> ColumnElement[Any]:
        return self.compiler.guards.apply(field, self.rows, self.row.source, self.row, make)

    def _leaf(self, field: PlannedField, masked: bool) -> ColumnElement[Any] | None:
        assert isinstance(field.declaration, Leaf)
        if not masked:
            return self.value
        if field.declaration.mask is None:
            return None
        text: ColumnElement[Any] = self.value.op("#>>")(literal_column("'{}'"))
        return func.to_jsonb(field.declaration.mask(cast(text, Text)))

    def _reference(self, field: PlannedField, masked: bool) -> ColumnElement[Any] | None:
        """The id of a row of another type: only for who sees all of them."""
        if masked:
            return None
        if self.compiler.guards.rows(self.compiler.catalogue.type(field.item)).covers(ALWAYS):
            return self.value
        self.compiler.guards.withheld[field.coordinate] = None
        return null()

    def _part(
        self, embedded_type: PlannedType, part: PlannedField, masked: bool
    ) -> ColumnElement[Any] | None:
        if not masked:
            return self._shown(part, partial(self._leaf, part))
        if not has_masked_form(embedded_type):
            return None
        form = self._leaf(part, True)
        return self.compiler.guards.apply_form(part, self.rows, self.row.source, self.row, form)
