"""A Redis of their own, what logging in needs, people, and an outside issuer."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from app.infra.database import Database
from app.infra.embedded import embedded_servers
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


@pytest.fixture(scope="session")
async def redis_url(servers: dict[str, str]) -> AsyncIterator[str]:
    """A Redis that these tests may flush, and cut the connections of."""
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        # Named, so that a REDIS_URL of the environment is left alone.
        settings = Settings(
            database_url=servers["database_url"], redis_url=None, data_dir=Path(place)
        )
        async with embedded_servers(settings, durable=False, report=lambda _: None) as addresses:
            yield addresses.redis_url


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
