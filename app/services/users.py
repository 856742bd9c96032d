"""Users: created, changed, suspended. One command for all of it, as the contract has it.

What the input leaves out stays as it is; a new user is then in no team, active and without a
password. A portal log-in (role CUSTOMER) belongs to a customer, for which the input has no field:
the role is kept by those who have one and given by no one here. Who gives which role to whom is
decided in `user_roles.py`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import bindparam, select, text

from app.domain.errors import DomainError, ErrorCode, Forbidden, Invalid, NotFound, StaleVersion
from app.domain.text import required
from app.domain.unset import UNSET, Unset
from app.infra.database import Statement, Transaction
from app.models import teams, users
from app.policies.actor import Actor
from app.policies.conditions import ScopeCondition
from app.policies.predicates import team_visible, user_visible
from app.policies.roles import Role
from app.policies.scopes import Scope
from app.services import audit, user_roles
from app.services.auth import refresh_tokens
from app.services.auth.passwords import Passwords, check_password

COORDINATE = "Mutation.saveUser"
MAXIMUM_EMAIL_CHARACTERS = 254
UNIQUE_EMAIL = "uq_users_email"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")

Row = Mapping[str, Any]

# Both rows by id, so that two administrators who change each other wait instead of blocking.
LOCK_BOTH = Statement(
    select(
        users.c.id,
        users.c.email,
        users.c.name,
        users.c.roles,
        users.c.team_id,
        users.c.customer_id,
        users.c.is_active,
        users.c.access_version,
        users.c.version,
        user_visible(ScopeCondition.of(Scope.TEAM), lambda column: column).label("is_in_team"),
    )
    .where(users.c.id.in_([bindparam("viewer_id"), bindparam("user_id")]))
    .order_by(users.c.id)
    .with_for_update(key_share=True, of=users)
)
TEAM = Statement(
    select(team_visible(ScopeCondition.of(Scope.TEAM), lambda column: column).label("is_viewers"))
    .select_from(teams)
    .where(teams.c.id == bindparam("team_id"))
)
INSERT = Statement(
    text("""
    INSERT INTO users (email, name, roles, team_id, is_active, password_hash)
    VALUES (CAST(:email AS text), CAST(:name AS text), CAST(:roles AS text[]),
        CAST(:team_id AS uuid), CAST(:is_active AS boolean), CAST(:password_hash AS text))
    RETURNING id
    """)
)
UPDATE = Statement(
    text("""
    UPDATE users SET email = CAST(:email AS text), name = CAST(:name AS text),
        roles = CAST(:roles AS text[]), team_id = CAST(:team_id AS uuid),
        is_active = CAST(:is_active AS boolean),
        password_hash = coalesce(CAST(:password_hash AS text), password_hash),
        version = version + 1
    WHERE id = CAST(:user_id AS uuid)
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SaveUser:
    """A new user without `id`, else what this user is to become."""

    id: UUID | None = None
    expected_version: int | None = None
    email: str = field(repr=False)
    name: str = field(repr=False)
    roles: tuple[Role, ...]
    team_id: UUID | Unset | None = UNSET
    is_active: bool | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedUser:
    """The user's id; everything else is read."""

    id: UUID


async def save_user(
    tx: Transaction, actor: Actor, command: SaveUser, *, passwords: Passwords
) -> SavedUser:
    """Raises VALIDATION, NOT_FOUND, FORBIDDEN, INVALID_STATE, CONFLICT, DUPLICATE_CODE or
    RATE_LIMITED.

    Suspending a user or changing their password ends all their log-ins with this transaction. What
    changes nothing leaves no trace.
    """
    actor.require(COORDINATE)
    email, name = checked(command)
    # Before any row is locked: it takes a tenth of a second on purpose.
    password_hash = None if command.password is None else await passwords.hash(command.password)
    before = await _locked(tx, actor, command)
    if command.expected_version is not None:
        _check_version(before, command.expected_version)
    team_id = _kept(command.team_id, before, "team_id", None)
    facts = await _facts_after(tx, actor, command, team_id)
    actor.require_on(COORDINATE, facts)
    actor.require_suppliable("SaveUserInput", _supplied(command), facts)
    after = {
        "email": email,
        "name": name,
        "roles": [str(role) for role in command.roles],
        "team_id": team_id,
        "is_active": _kept(_left_out(command.is_active), before, "is_active", True),
        "password_hash": password_hash,
    }
    _check_suspension(actor, command.id, after)
    await user_roles.check(tx, actor, command.id, before, after)
    _check_portal(command, before)
    if before is not None and not _differs(before, after):
        return SavedUser(id=before["id"])
    user_id = await write(tx, command.id, after)
    if command.id is not None and (password_hash is not None or not after["is_active"]):
        await refresh_tokens.revoke_all(tx, user_id)
    await audit.record(
        tx,
        actor,
        "saveUser",
        subject=audit.Subject(type="User", id=user_id),
        before=None if before is None else audited(before),
        after=audited(after) | changed(before, after),
    )
    return SavedUser(id=user_id)


def _supplied(command: SaveUser) -> list[str]:
    """The fields whose present values an answer could tell of."""
    optional = {"team": command.team_id is not UNSET, "isActive": command.is_active is not None}
    return ["email", "name", "roles", *(name for name, given in optional.items() if given)]


def _check_version(before: Row | None, expected: int) -> None:
    if before is None:
        raise Invalid("A new user has no version yet.", "expectedVersion")
    if before["version"] != expected:
        raise StaleVersion("user", expected, before["version"])


def _left_out(given: bool | None) -> bool | Unset:
    return UNSET if given is None else given


def _kept(given: Any, before: Row | None, column: str, default: Any) -> Any:
    """What was supplied; else what it is; else what it is for a new user."""
    if given is not UNSET:
        return given
    return default if before is None else before[column]


def _differs(before: Row, after: Row) -> bool:
    return after["password_hash"] is not None or any(
        before[name] != value for name, value in after.items() if name != "password_hash"
    )


def checked(command: SaveUser) -> tuple[str, str]:
    """E-mail and name as they are stored. Raises VALIDATION for anything that no user may have."""
    email = required(command.email, "email", maximum=MAXIMUM_EMAIL_CHARACTERS)
    if _EMAIL.fullmatch(email) is None:
        raise Invalid("This is not an e-mail address.", "email")
    name = required(command.name, "name")
    if not command.roles:
        raise Invalid("A user has at least one role.", "roles")
    if len(set(command.roles)) < len(command.roles):
        raise Invalid("A role is named twice.", "roles")
    if command.password is not None:
        check_password(command.password, "password")
    return email, name


async def _locked(tx: Transaction, actor: Actor, command: SaveUser) -> Row | None:
    """The user as they are, locked; None for a new one. The actor is locked too, and unchanged.

    So of two administrators who take each other's rights at once, the second has none left.
    """
    user_id = command.id
    rows = await tx.fetch(LOCK_BOTH, viewer_id=actor.user_id, user_id=user_id)
    by_id: dict[UUID, Row] = {row["id"]: row for row in rows}
    own = by_id.get(actor.user_id)
    if own is None or not own["is_active"] or own["access_version"] != actor.access_version:
        raise Forbidden(COORDINATE)
    if user_id is None:
        return None
    before = by_id.get(user_id)
    facts = _facts(actor, user_id, is_in_team=before is not None and before["is_in_team"])
    if before is None or not actor.grant.rows("User").holds(facts):
        raise NotFound("user", "id")
    actor.require_on(COORDINATE, facts)
    actor.require_suppliable("SaveUserInput", _supplied(command), facts)
    return before


async def _facts_after(
    tx: Transaction, actor: Actor, command: SaveUser, team_id: UUID | None
) -> frozenset[Scope]:
    """What will hold of the user for the actor: nobody is moved out of the actor's reach."""
    if team_id is None:
        return _facts(actor, command.id, is_in_team=False)
    team = await tx.fetchrow(TEAM, viewer_id=actor.user_id, team_id=team_id)
    is_viewers = team is not None and bool(team["is_viewers"])
    known = frozenset({Scope.TEAM}) if is_viewers else frozenset()
    is_named = command.team_id is not UNSET
    if is_named and (team is None or not actor.grant.rows("Team").holds(known)):
        raise NotFound("team", "team")
    return _facts(actor, command.id, is_in_team=is_viewers)


def _facts(actor: Actor, user_id: UUID | None, *, is_in_team: bool) -> frozenset[Scope]:
    held = {Scope.TEAM: is_in_team, Scope.SELF: user_id == actor.user_id}
    return frozenset(scope for scope, holds in held.items() if holds)


def _check_suspension(actor: Actor, user_id: UUID | None, after: Row) -> None:
    if user_id == actor.user_id and not after["is_active"]:
        raise DomainError(
            ErrorCode.INVALID_STATE, "You cannot suspend yourself.", path=("isActive",)
        )


def _check_portal(command: SaveUser, before: Row | None) -> None:
    if Role.CUSTOMER in command.roles and (before is None or before["customer_id"] is None):
        raise DomainError(
            ErrorCode.INVALID_STATE,
            "This user belongs to no customer, so they cannot have the role CUSTOMER.",
            path=("roles",),
        )


async def write(tx: Transaction, user_id: UUID | None, values: Row) -> UUID:
    """Insert, or update the user of this id. Raises DUPLICATE_CODE."""
    try:
        if user_id is None:
            made: UUID = await tx.fetchval(INSERT, **values)
            return made
        await tx.execute(UPDATE, user_id=user_id, **values)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != UNIQUE_EMAIL:
            raise
        raise DomainError(
            ErrorCode.DUPLICATE_CODE, "Another user has this e-mail.", path=("email",)
        ) from error
    else:
        return user_id


def audited(row: Row) -> dict[str, Any]:
    """What a user may do: no secret and no personal data."""
    return {
        "roles": list(row["roles"]),
        "team": row["team_id"] and str(row["team_id"]),
        "isActive": row["is_active"],
    }


def changed(before: Row | None, after: Row) -> dict[str, bool]:
    """Of what is not written down, whether it changed."""
    return {
        "emailChanged": before is None or before["email"] != after["email"],
        "nameChanged": before is None or before["name"] != after["name"],
        "passwordChanged": after["password_hash"] is not None,
    }
