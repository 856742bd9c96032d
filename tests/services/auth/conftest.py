"""A database of its own on a real PostgreSQL, a real Redis, and people in it."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from alembic import command
from alembic.config import Config
from redis.asyncio import Redis

from app.infra.database import Database
from app.infra.embedded import Addresses, embedded_servers
from app.infra.redis import new_client
from app.infra.settings import Settings
from app.services.auth import issuer_keys
from app.services.auth.authentication import Authentication
from app.services.auth.limits import LogInLimits
from app.services.auth.login import LocalLogIn
from app.services.auth.passwords import Passwords
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers
from tests.services.auth.issuer import EC, RSA, Issuer, public
from tests.services.auth.people import SECRET, People

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
async def database_url(servers: Addresses) -> AsyncIterator[str]:
    name = f"auth_{uuid4().hex[:12]}"
    url = urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        await asyncio.to_thread(migrate, url)
        yield url
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()


@pytest.fixture(scope="session")
def redis_url(servers: Addresses) -> str:
    return servers.redis_url


@pytest.fixture(scope="session")
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, pool_size=8)
    await database.open()
    yield database
    await database.close()


def migrate(url: str) -> None:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("postgresql:", "postgresql+asyncpg:"))
    command.upgrade(config, "head")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = new_client(redis_url)
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


@pytest.fixture
def people(database: Database, passwords: Passwords, viewers: Viewers) -> People:
    return People(database, passwords, viewers)


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer(keys=[public(RSA), public(EC)])
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    issuer.discovery = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/keys"}
    yield issuer
    server.close()
    await server.wait_closed()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with issuer_keys.new_http_client() as client:
        yield client
