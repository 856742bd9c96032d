"""Reaching a customer for a change: visible, allowed, locked, and as the caller last read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select

from app.domain.errors import Forbidden, Invalid, NotFound, StaleVersion
from app.infra.database import Statement, Transaction
from app.models import customers, users
from app.policies.actor import Actor
from app.policies.conditions import ScopeCondition
from app.policies.predicates import customer_visible, user_visible
from app.policies.scopes import Scope
from app.services.locks import LOCK_ACCOUNT

# Each fact by itself: whatever condition a grant holds is then decided without another statement.
_CUSTOMER = Statement(
    select(
        customers,
        *(
            customer_visible(ScopeCondition.of(scope), lambda column: column).label(f"is_{scope}")
            for scope in (Scope.TEAM, Scope.OWN, Scope.SELF)
        ),
    ).where(customers.c.id == bindparam("customer_id"))
)
# FOR SHARE: the user stays active, and in the team, until the customer that is theirs is committed.
_ASSIGNEE = Statement(
    select(
        users.c.is_active,
        user_visible(ScopeCondition.of(Scope.TEAM), lambda column: column).label("is_TEAM"),
        user_visible(ScopeCondition.of(Scope.SELF), lambda column: column).label("is_SELF"),
    )
    .where(users.c.id == bindparam("user_id"))
    .with_for_update(read=True, of=users)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """A locked customer: its row and account as they are now, and the facts of scope about it."""

    row: Mapping[str, Any]
    account: Mapping[str, Any]
    facts: frozenset[Scope]


async def reach(
    tx: Transaction,
    actor: Actor,
    mutation: str,
    customer_id: UUID,
    expected_version: int,
    *path: str,
) -> Reached:
    """The customer, with its account row locked until the transaction ends.

    NotFound when it does not exist for the actor, Forbidden when the mutation is not for this row,
    StaleVersion when it changed since it was read.
    """
    # Before the lock, so that nobody waits for, or holds up, a customer they may not see.
    await _visible(tx, actor, mutation, customer_id, path)
    account = await tx.fetchrow(LOCK_ACCOUNT, customer_id=customer_id)
    if account is None:
        raise AssertionError("every customer has an account")
    row, facts = await _visible(tx, actor, mutation, customer_id, path)
    if row["version"] != expected_version:
        raise StaleVersion("customer", expected_version, row["version"])
    return Reached(row=row, account=account, facts=facts)


async def facts_if_assigned(
    tx: Transaction, actor: Actor, user_id: UUID | None, *path: str
) -> frozenset[Scope]:
    """What would be true for the actor of a customer that is assigned to this user.

    NotFound unless the user exists for the actor; Invalid when they are suspended.
    """
    if user_id is None:
        return frozenset()
    user = await tx.fetchrow(_ASSIGNEE, user_id=user_id, viewer_id=actor.user_id)
    if user is None or not actor.grant.rows("User").holds(_facts(user)):
        raise NotFound("user", *path)
    if not user["is_active"]:
        raise Invalid("This user is suspended.", *path)
    own = {Scope.OWN} if user["is_SELF"] else set()
    return frozenset(own | {Scope.TEAM} if user["is_TEAM"] else own)


async def _visible(
    tx: Transaction, actor: Actor, mutation: str, customer_id: UUID, path: tuple[str, ...]
) -> tuple[Mapping[str, Any], frozenset[Scope]]:
    row = await tx.fetchrow(
        _CUSTOMER,
        customer_id=customer_id,
        viewer_id=actor.user_id,
        viewer_customer_id=actor.customer_id,
    )
    if row is None or not actor.grant.rows("Customer").holds(_facts(row)):
        raise NotFound("customer", *path)
    if not actor.grant.execute(f"Mutation.{mutation}").holds(_facts(row)):
        raise Forbidden(f"Mutation.{mutation}", *path)
    return row, _facts(row)


def _facts(row: Mapping[str, Any]) -> frozenset[Scope]:
    known = (Scope.TEAM, Scope.OWN, Scope.SELF)
    return frozenset(scope for scope in known if row.get(f"is_{scope}"))
