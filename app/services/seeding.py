"""Users and teams put into a database by us, not by a person: demo data, imports, tests.

No policy is asked and no password is judged, since nobody is asking: only composition roots and the
demo data call this. The only place that gives a user a customer, which makes them a portal log-in.
"""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text

from app.infra.database import Statement, Transaction
from app.policies.roles import Role
from app.services.auth.passwords import Passwords
from app.services.locks import ADVISORY_CLASS

_FIRST_USERS = 3

WITHOUT_HURRY = Statement(text("SET LOCAL lock_timeout = 0"))
AS_EVER = Statement(text("SET LOCAL lock_timeout TO DEFAULT"))
ONE_AT_A_TIME = Statement(text(f"SELECT pg_advisory_xact_lock({ADVISORY_CLASS}, {_FIRST_USERS})"))
INSERT_TEAM = Statement(text("INSERT INTO teams (name) VALUES (CAST(:name AS text)) RETURNING id"))
SET_MANAGER = Statement(
    text("""
    UPDATE teams SET manager_id = CAST(:manager_id AS uuid) WHERE id = CAST(:team_id AS uuid)
    """)
)
INSERT_USER = Statement(
    text("""
    INSERT INTO users (email, name, roles, team_id, customer_id, is_active, password_hash)
    VALUES (CAST(:email AS text), CAST(:name AS text), CAST(:roles AS text[]),
        CAST(:team_id AS uuid), CAST(:customer_id AS uuid), CAST(:is_active AS boolean),
        CAST(:password_hash AS text))
    RETURNING id
    """)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeededUser:
    """A user to be. Without a password there is no log-in, but a token can be made for them."""

    email: str
    name: str
    roles: tuple[Role, ...]
    team_id: UUID | None = None
    customer_id: UUID | None = None
    is_active: bool = True
    password: str | None = field(default=None, repr=False)


async def one_at_a_time(tx: Transaction) -> None:
    """Wait for whoever else puts the first users into the database, and keep others waiting.

    However long: demo data take seconds, and nobody else holds this.
    """
    await tx.execute(WITHOUT_HURRY)
    await tx.execute(ONE_AT_A_TIME)
    await tx.execute(AS_EVER)


async def seed_team(tx: Transaction, name: str) -> UUID:
    """A team without a manager yet: they have to exist first."""
    team_id: UUID = await tx.fetchval(INSERT_TEAM, name=name)
    return team_id


async def seed_manager(tx: Transaction, team_id: UUID, manager_id: UUID) -> None:
    """Make a user the team's manager."""
    await tx.execute(SET_MANAGER, team_id=team_id, manager_id=manager_id)


async def seed_user(tx: Transaction, user: SeededUser, passwords: Passwords) -> UUID:
    """A user, with whatever password they are given."""
    password_hash = None if user.password is None else await passwords.hash(user.password)
    return await seed_hashed_user(tx, user, password_hash)


async def seed_hashed_user(tx: Transaction, user: SeededUser, password_hash: str | None) -> UUID:
    """A user whose password was hashed before: hashing takes its time on purpose."""
    user_id: UUID = await tx.fetchval(
        INSERT_USER,
        email=user.email,
        name=user.name,
        roles=[str(role) for role in user.roles],
        team_id=user.team_id,
        customer_id=user.customer_id,
        is_active=user.is_active,
        password_hash=password_hash,
    )
    return user_id
