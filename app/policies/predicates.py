"""Scope conditions as SQL: which rows exist for a viewer.

The closed vocabulary (ALL, TEAM, OWN, SELF) is turned into predicates here and nowhere else. They
are evaluated by PostgreSQL against the rows of the moment, so moving a user to another team or a
customer to another rep counts at once. Bind parameters: `viewer_id` and `viewer_customer_id` (null
for staff).
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from app.models import customers, teams, users
from app.policies.conditions import ScopeCondition
from app.policies.scopes import Scope

ColumnOf = Callable[[Column[Any]], ColumnElement[Any]]
"""Gives a table's column as it is called where the predicate is to stand."""


def viewer_id() -> ColumnElement[Any]:
    """The bind parameter for the asking user."""
    return bindparam("viewer_id", type_=Uuid())


def viewer_customer_id() -> ColumnElement[Any]:
    """The bind parameter for the customer that a portal log-in belongs to."""
    return bindparam("viewer_customer_id", type_=Uuid())


def customer_visible(condition: ScopeCondition, column: ColumnOf) -> ColumnElement[bool]:
    """Whether a customer row meets the condition; `column` resolves the customers table."""
    assigned_to = column(customers.c.assigned_to)
    return _formula(
        condition,
        {
            # Found once and as a list: an index on who is assigned then serves it.
            Scope.TEAM: assigned_to == any_(func.array(_members_of_viewers_teams())),
            Scope.OWN: assigned_to == viewer_id(),
            Scope.SELF: column(customers.c.id) == viewer_customer_id(),
        },
    )


def owned_by_visible_customer(
    condition: ScopeCondition, customer_id: ColumnElement[Any]
) -> ColumnElement[bool]:
    """Whether a row that belongs to `customer_id` is visible: exactly when its customer is."""
    if condition.is_always:
        return true()
    owner = customers.alias()
    visible = customer_visible(condition, lambda column: owner.c[column.name])
    owners = select(1).select_from(owner).where(owner.c.id == customer_id, visible)
    return exists(owners.correlate_except(owner))


def user_visible(condition: ScopeCondition, column: ColumnOf) -> ColumnElement[bool]:
    """Whether a user row meets it: TEAM is a member of the viewer's teams, SELF the viewer."""
    return _formula(
        condition,
        {
            Scope.TEAM: column(users.c.team_id).in_(_viewers_teams()),
            Scope.OWN: false(),
            Scope.SELF: column(users.c.id) == viewer_id(),
        },
    )


def team_visible(condition: ScopeCondition, column: ColumnOf) -> ColumnElement[bool]:
    """Whether a team row meets the condition: TEAM is one of the viewer's teams."""
    return _formula(
        condition,
        {
            Scope.TEAM: column(teams.c.id).in_(_viewers_teams()),
            Scope.OWN: false(),
            Scope.SELF: false(),
        },
    )


def shared_visible(condition: ScopeCondition) -> ColumnElement[bool]:
    """For types without owners: no fact ever holds of their rows."""
    return true() if condition.holds(frozenset()) else false()


def _viewers_teams() -> Any:
    """The viewer's own team and those that they manage."""
    viewer = users.alias()
    managed = teams.alias()
    return (
        select(viewer.c.team_id)
        .where(viewer.c.id == viewer_id(), viewer.c.team_id.is_not(None))
        .union_all(select(managed.c.id).where(managed.c.manager_id == viewer_id()))
    )


def _members_of_viewers_teams() -> Any:
    member = users.alias()
    found = select(member.c.id).where(member.c.team_id.in_(_viewers_teams()))
    return found.scalar_subquery()


def _formula(
    condition: ScopeCondition, facts: Mapping[Scope, ColumnElement[bool]]
) -> ColumnElement[bool]:
    if condition.is_always:
        return true()
    return or_(
        false(),
        *(
            and_(
                true(),
                *(
                    facts[literal.scope]
                    if literal.holds
                    # An unassigned customer's fact is unknown, which is not a fact that holds.
                    else not_(func.coalesce(facts[literal.scope], false()))
                    for literal in conjunction
                ),
            )
            for conjunction in condition.conjunctions
        ),
    )
