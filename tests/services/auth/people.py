"""People for the tests of who is asking."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.domain.errors import DomainError
from app.infra.database import Database
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.auth.passwords import Passwords
from app.services.auth.viewers import Viewers
from app.services.seeding import SeededUser, seed_team, seed_user

SECRET = "a secret that only the tests know, and long enough"
PASSWORD = "correct horse battery staple"


async def refusal(asking: Awaitable[object]) -> DomainError:
    """The error that it must raise."""
    with pytest.raises(DomainError) as refused:
        await asking
    return refused.value


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a state of another task or server."""
    async with asyncio.timeout(20):
        while not await holds():  # noqa: ASYNC110 - nobody here could set an event
            await asyncio.sleep(0.01)


@dataclass(frozen=True)
class People:
    """Makes users and looks at what became of them."""

    database: Database
    passwords: Passwords
    viewers: Viewers
    made: list[UUID] = field(default_factory=list)

    async def user(self, **given: object) -> tuple[UUID, str]:
        """A new active sales rep unless told otherwise: their id and e-mail."""
        defaults = {"name": "Ada", "roles": (Role.SALES_REP,), "email": f"{uuid4()}@demo.example"}
        user = replace(SeededUser(email="", name="", roles=()), **(defaults | given))
        user_id = await self.database.run(lambda tx: seed_user(tx, user, self.passwords))
        self.made.append(user_id)
        return user_id, user.email

    async def team(self) -> UUID:
        return await self.database.run(lambda tx: seed_team(tx, f"Team {uuid4()}"))

    async def actor(self, *roles: Role, **given: object) -> Actor:
        user_id, _ = await self.user(roles=roles, **given)
        actor = await self.viewers.refresh(user_id, "test")
        assert actor is not None
        return actor

    async def suspend(self, user_id: UUID) -> None:
        await self.database.write_pool.execute(
            "UPDATE users SET is_active = false WHERE id = $1", user_id
        )

    async def row(self, user_id: UUID) -> asyncpg.Record:
        return await self.database.write_pool.fetchrow("SELECT * FROM users WHERE id = $1", user_id)

    async def audit(self, user_id: UUID | None, request_id: str) -> list[tuple[object, ...]]:
        """(action, outcome, reason, actor) of what a request left about a user."""
        rows = await self.database.write_pool.fetch(
            """
            SELECT action, outcome, reason, actor_id FROM audit_events
            WHERE subject_id IS NOT DISTINCT FROM $1 AND request_id = $2 ORDER BY id
            """,
            user_id,
            request_id,
        )
        return [tuple(row) for row in rows]
