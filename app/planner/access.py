"""Row scopes and field guards as SQL, for one grant."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, case, null, true

from app.domain.errors import Forbidden
from app.models import customers
from app.planner.catalogue import PlannedField, PlannedType
from app.planner.rows import PlannedRow
from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.grant import Access, Grant
from app.policies.predicates import (
    customer_visible,
    owned_by_visible_customer,
    shared_visible,
    team_visible,
    user_visible,
)
from app.schema.types.declaration import Owner, Source

Make = Callable[[bool], ColumnElement[Any] | None]
"""Gives a field's value: whole, or masked where the argument is true; None without masked form."""


def visible(source: Source, condition: ScopeCondition, row: PlannedRow) -> ColumnElement[bool]:
    """Whether a row of the type meets the condition."""
    if source.owner is Owner.CUSTOMER:
        assert source.customer_id is not None
        if source.table is customers:
            return customer_visible(condition, row.__getitem__)
        return owned_by_visible_customer(condition, row[source.customer_id])
    if source.owner is Owner.USER:
        return user_visible(condition, row.__getitem__)
    if source.owner is Owner.TEAM:
        return team_visible(condition, row.__getitem__)
    return shared_visible(condition)


class Guards:
    """Applies one grant, and remembers what it kept back: coordinates for `extensions`."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self.withheld: dict[str, None] = {}
        self.masked: dict[str, None] = {}

    def rows(self, planned_type: PlannedType) -> ScopeCondition:
        """The rows of the type that exist for the viewer; all, of what has no rows of its own."""
        source = planned_type.source
        if source is None:
            return ALWAYS
        own = self.grant.rows(source.part_of or planned_type.name)
        if source.owner is Owner.CUSTOMER and source.table is not customers:
            return own & self.grant.rows("Customer")
        return own

    def access(self, field: PlannedField) -> Access:
        """On which rows the field is whole, and on which masked."""
        return self.grant.field(field.coordinate, field.declaration.guard)

    def require_whole(self, field: PlannedField, rows: ScopeCondition, *path: str) -> None:
        """Refuses a filter or order over what the viewer may not read whole on every such row."""
        if not self.access(field).is_whole_for(rows):
            raise Forbidden(field.coordinate, *path)

    def apply(
        self,
        field: PlannedField,
        rows: ScopeCondition,
        source: Source | None,
        row: PlannedRow,
        make: Make,
    ) -> ColumnElement[Any]:
        """The field's value as far as the viewer may see it; null where it is withheld.

        What is kept back is decided by the rules alone, never by the rows that happen to be there:
        so the list of coordinates says nothing about them.
        """
        access = self.access(field)
        masked_value = None if (access.when_masked & rows).is_never else make(True)
        if masked_value is not None:
            self.masked[field.coordinate] = None
        seen = (
            access.when_whole | access.when_masked
            if masked_value is not None
            else access.when_whole
        )
        if not seen.covers(rows):
            self.withheld[field.coordinate] = None
        branches: list[tuple[ScopeCondition, ColumnElement[Any]]] = []
        if not (access.when_whole & rows).is_never:
            whole_value = make(False)
            assert whole_value is not None
            branches.append((access.when_whole, whole_value))
        if masked_value is not None:
            branches.append((access.when_masked, masked_value))
        if not branches:
            return null()
        if branches[0][0].covers(rows):
            return branches[0][1]
        assert source is not None
        return case(
            *((visible(source, condition, row), value) for condition, value in branches),
            else_=null(),
        )

    def apply_form(
        self,
        field: PlannedField,
        rows: ScopeCondition,
        source: Source | None,
        row: PlannedRow,
        form: ColumnElement[Any] | None,
    ) -> ColumnElement[Any]:
        """A part of a masked object: its form, unless the part itself is withheld."""
        access = self.access(field)
        seen = NEVER if form is None else access.when_whole | access.when_masked
        if not seen.covers(rows):
            self.withheld[field.coordinate] = None
        if form is None or (seen & rows).is_never:
            return null()
        if seen.covers(rows):
            return form
        assert source is not None
        return case((visible(source, seen, row), form), else_=null())


def unconditional(condition: ColumnElement[bool]) -> bool:
    """Whether the predicate is plainly true, and can be left out."""
    return isinstance(condition, type(true()))
