"""A database of its own on a real PostgreSQL, a real Redis, and people in it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command
from alembic.config import Config
from app.infra.database import Database
from app.infra.embedded import Addresses, embedded_servers
from app.infra.redis import new_client
from app.infra.settings import Settings
from app.policies.actor import Actor
from app.policies.roles import Role
from app.services.auth.authentication import Authentication
from app.services.auth.limits import LogInLimits
from app.services.auth.login import LocalLogIn
from app.services.auth.passwords import Passwords
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers
from app.services.seeding import SeededUser, seed_team, seed_user
from redis.asyncio import Redis

SECRET = "a secret that only the tests know, and long enough"
PASSWORD = "correct horse battery staple"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Addresses]:
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        settings = Settings(
            database_url=os.environ.get("TEST_DATABASE_URL"),
            redis_url=os.environ.get("TEST_REDIS_URL"),
            data_dir=Path(place),
        )
        async with embedded_servers(settings, durable=False) as addresses:
            yield addresses


@pytest.fixture(scope="session")
async def database(servers: Addresses) -> AsyncIterator[Database]:
    name = f"auth_{uuid4().hex[:12]}"
    parts = urlsplit(servers.database_url)
    url = urlunsplit(parts._replace(path=f"/{name}"))
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        await asyncio.to_thread(migrate, url)
        database = Database(url, pool_size=8)
        await database.open()
        yield database
        await database.close()
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


def migrate(url: str) -> None:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("postgresql:", "postgresql+asyncpg:"))
    command.upgrade(config, "head")


@pytest.fixture
async def redis(servers: Addresses) -> AsyncIterator[Redis]:
    client = new_client(servers.redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def passwords() -> AsyncIterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.close()


@pytest.fixture
def viewers(database: Database) -> Viewers:
    return Viewers(database)


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(SECRET, timedelta(minutes=10))


@pytest.fixture
def authentication(tokens: AccessTokens, viewers: Viewers) -> Authentication:
    return Authentication(tokens, viewers)


@pytest.fixture
def local(
    database: Database,
    redis: Redis,
    viewers: Viewers,
    passwords: Passwords,
    tokens: AccessTokens,
) -> LocalLogIn:
    return LocalLogIn(
        database=database,
        viewers=viewers,
        passwords=passwords,
        tokens=tokens,
        limits=LogInLimits(redis, SECRET),
        refresh_lifetime=timedelta(days=30),
    )


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


@pytest.fixture
def people(database: Database, passwords: Passwords, viewers: Viewers) -> People:
    return People(database, passwords, viewers)
