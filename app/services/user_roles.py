"""Who gives which role to whom, and who sets how somebody logs in: never one person alone.

Whoever holds a role that moves money or sets rules got it from somebody other than who decides how
they log in. So nobody changes their own roles; who made a user, or ever set their e-mail or
password, gives them no such role; and of who holds one, nobody else sets e-mail or password.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.policies.powers import powerful_roles
from app.policies.roles import Role
from app.policies.rules import rule_from, shipped_rules

Row = Mapping[str, Any]

RULES = Statement(
    text("""
    SELECT subject, object, action, scope, effect, coalesce(description, '') AS description
    FROM policy_rules ORDER BY id
    """)
)
SET_LOG_IN = Statement(
    text("""
    SELECT EXISTS (
        SELECT FROM audit_events
        WHERE subject_type = 'User' AND action = 'saveUser'
            AND subject_id = CAST(:user_id AS uuid) AND actor_id = CAST(:actor_id AS uuid)
            AND outcome = 'DONE'
            AND ("before" IS NULL OR CAST("after" ->> 'emailChanged' AS boolean)
                OR CAST("after" ->> 'passwordChanged' AS boolean))
    )
    """)
)


async def check(
    tx: Transaction, actor: Actor, user_id: UUID | None, before: Row | None, after: Row
) -> None:
    """Raises FORBIDDEN. The user's row, and the actor's, are locked by the caller."""
    held = set(before["roles"]) if before else set()
    given = set(after["roles"]) - held
    if user_id == actor.user_id:
        if held != set(after["roles"]):
            raise _refusal("Nobody changes their own roles: another administrator does.", "roles")
        return
    powerful = await _powerful(tx, after["roles"])
    if not powerful:
        return
    if before is not None:
        for name, is_set in _log_in(before, after).items():
            if is_set:
                raise _refusal(
                    "Nobody else sets how somebody logs in who holds such a role: take the roles "
                    "first, and another administrator gives them back.",
                    name,
                    powerful,
                )
    if given & set(powerful) and (before is None or await _set_log_in(tx, actor, user_id)):
        raise _refusal(
            "Who made this user, or set how they log in, gives them no such role: another "
            "administrator does.",
            "roles",
            powerful,
        )


async def _powerful(tx: Transaction, roles: list[str]) -> tuple[Role, ...]:
    changes = [rule_from(tuple(row.values())) for row in await tx.fetch(RULES)]
    return powerful_roles((*shipped_rules(), *changes), [Role(each) for each in roles])


async def _set_log_in(tx: Transaction, actor: Actor, user_id: UUID | None) -> bool:
    answer: bool = await tx.fetchval(SET_LOG_IN, user_id=user_id, actor_id=actor.user_id)
    return answer


def _log_in(before: Row, after: Row) -> dict[str, bool]:
    return {
        "email": before["email"] != after["email"],
        "password": after["password_hash"] is not None,
    }


def _refusal(message: str, path: str, powerful: tuple[Role, ...] = ()) -> DomainError:
    return DomainError(
        ErrorCode.FORBIDDEN,
        message,
        path=(path,),
        details={"roles": [str(role) for role in powerful]} if powerful else None,
    )
