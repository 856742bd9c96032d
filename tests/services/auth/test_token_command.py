"""`customer-flow token`, as an operator runs it."""

import asyncio
import os
import sys
from datetime import timedelta
from uuid import uuid4

import pytest

from app.services.auth.tokens import AccessTokens
from tests.services.auth.people import SECRET, People


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    outer = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    addresses = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    return outer | addresses | {"SECRET_KEY": SECRET}


async def run(email: str, environment: dict[str, str]) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "token", "--as", email),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_it_prints_a_token_and_nothing_else(
    people: People, environment: dict[str, str]
) -> None:
    user_id, email = await people.user()
    code, out, err = await run(email.upper(), environment)
    assert (code, err) == (0, "")
    tokens = AccessTokens(SECRET, timedelta(minutes=10))
    assert tokens.verify(out.removesuffix("\n")).user_id == user_id
    assert await people.audit(user_id, "customer-flow token") == [("token", "DONE", None, None)]


async def test_it_says_why_there_is_none(people: People, environment: dict[str, str]) -> None:
    _, suspended = await people.user(is_active=False)
    code, out, err = await run(suspended, environment)
    assert (code, out) == (1, "")
    assert "suspended" in err
    code, out, err = await run(f"{uuid4()}@nowhere.example", environment)
    assert (code, out) == (1, "")
    assert "no user" in err


async def test_with_an_outside_issuer_it_makes_none(
    people: People, environment: dict[str, str]
) -> None:
    _, email = await people.user()
    issuer = "https://issuer.example"
    oidc = {"OIDC_ISSUER": issuer, "OIDC_AUDIENCE": "x", "OIDC_JWKS_URL": f"{issuer}/keys"}
    code, out, err = await run(email, environment | oidc)
    assert (code, out) == (1, "")
    assert issuer in err
