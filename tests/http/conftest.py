"""The whole application in this process, on the module's database and the run's Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.infra.database import Database
from app.infra.settings import Settings
from app.policies.roles import Role
from app.services.auth.passwords import Passwords
from app.services.auth.tokens import AccessTokens
from tests.factories import insert, make_user
from tests.http.calling import PASSWORD, SECRET, Client, SomeSettings, served


@pytest.fixture(scope="module")
def settings_with(
    database_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> SomeSettings:
    """Settings for this module's servers, some of them as given."""
    data_dir = tmp_path_factory.mktemp("http")

    def make(**given: Any) -> Settings:
        usual = {
            "database_url": database_url,
            "redis_url": redis_url,
            "data_dir": Path(data_dir),
            "secret_key": SECRET,
        }
        return Settings(**(usual | given))

    return make


@pytest.fixture(scope="module")
async def http(settings_with: SomeSettings) -> AsyncIterator[httpx.AsyncClient]:
    async with served(settings_with()) as client:
        yield client


@pytest.fixture(scope="module")
def token_for(database: Database) -> Callable[..., Awaitable[str]]:
    """The access token of a new user with these roles."""
    tokens = AccessTokens(SECRET, timedelta(minutes=10))

    async def make(*roles: Role) -> str:
        return tokens.issue(await make_user(database, *roles), 1).text

    return make


@pytest.fixture(scope="module")
async def accountant(http: httpx.AsyncClient, token_for: Callable[..., Awaitable[str]]) -> Client:
    return Client(http, await token_for(Role.ACCOUNTANT))


@pytest.fixture(scope="module")
def stranger(http: httpx.AsyncClient) -> Client:
    return Client(http, None)


@pytest.fixture(scope="module")
async def email(database: Database) -> str:
    """Somebody who can log in, with `PASSWORD`."""
    passwords = Passwords()
    address = "somebody@http.example"
    await insert(
        database,
        "users",
        email=address,
        name="Somebody",
        roles=[str(Role.ACCOUNTANT)],
        password_hash=await passwords.hash(PASSWORD),
    )
    passwords.close()
    return address
