"""Whoever is not signed in learns that they have to be, and nothing else."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import asyncpg
import orjson
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from app.services.auth.identity import EXPIRED, TokenRefused
from app.services.auth.tokens import AccessTokens
from tests.factories import make_user
from tests.http.calling import PASSWORD, SECRET, Client

LOGIN = """mutation ($input: LoginInput!) { login(input: $input) {
    accessToken refreshToken viewer { roles user { name } } userErrors { code } } }"""

LOG_IN = 'login(input: {email: "a", password: "b"})'
ASKED = {
    "a query": "{ customers { totalCount } }",
    "introspection": "{ __schema { types { name } } }",
    "introspection of a type": '{ __type(name: "Customer") { name } }',
    "an unknown field": "{ secretThings }",
    "a mutation": "mutation { saveUser(input: {}) { userErrors { code } } }",
    "an unknown mutation": "mutation { dropAll { ok } }",
    "login beside another field": f"mutation {{ {LOG_IN} {{ accessToken }} dropAll }}",
    "login beside introspection": f"mutation {{ {LOG_IN} {{ accessToken }} __schema {{ a }} }}",
    "login with an unknown field": f"mutation {{ {LOG_IN} {{ hash }} }}",
    "a query named login": "query login { customers { totalCount } }",
    "a query with a field called login": "{ login: customers { totalCount } }",
    "no GraphQL": "login {",
    "two operations": "mutation A { login { hash } } mutation B { login { hash } }",
    "no text": "",
}
SENT = {name: orjson.dumps({"query": query}) for name, query in ASKED.items()} | {
    "a list": b"[]",
    "no query": b"{}",
    "no JSON": b"login",
    "nothing": b"",
    "too much": b"[" * 2_000_000,
}


@pytest.mark.parametrize("body", SENT.values(), ids=SENT.keys())
async def test_the_answer_is_always_the_same(stranger: Client, body: bytes) -> None:
    answer = await stranger.send(body)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "errors": [{"message": "Sign in.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


async def test_also_to_get_and_to_other_content(stranger: Client) -> None:
    by_get = await stranger.get(query="{ secretThings }")
    as_form = await stranger.send(b"query={secretThings}", content_type="text/plain")

    assert by_get.status_code == as_form.status_code == 401
    assert by_get.json() == as_form.json()


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer ", "Bearer x.y.z", "Basic YTpi", "bearer\txyz", "Bearer \xff", "Token abc"],
)
async def test_what_proves_nothing_is_as_good_as_nothing(
    stranger: Client, authorization: str
) -> None:
    answer = await stranger.http.post(
        "/graphql",
        json={"query": "{ viewer { roles } }"},
        headers={"authorization": authorization.encode("latin-1")},
    )

    assert answer.status_code == 401


HOUR_AGO = time.time() - 3600


def expired(key: str = SECRET) -> str:
    """A token that has run out, signed with our key or another."""
    tokens = AccessTokens(key, timedelta(minutes=10), now=lambda: HOUR_AGO)
    return tokens.issue(uuid4(), 1).text


@pytest.mark.parametrize(
    "asked", ["{ viewer { roles } }", "{ customers { totalCount } }", "no GraphQL {", ""]
)
async def test_a_token_of_ours_that_has_run_out_says_so(stranger: Client, asked: str) -> None:
    answer = await Client(stranger.http, expired()).ask(asked)

    assert answer.status_code == 401
    challenge = 'Bearer error="invalid_token", error_description="expired"'
    assert answer.headers["www-authenticate"] == challenge
    assert answer.json() == (await stranger.ask(asked)).json()


def test_a_token_that_runs_out_is_remembered_as_that() -> None:
    now = [HOUR_AGO]
    tokens = AccessTokens(SECRET, timedelta(minutes=10), now=lambda: now[0])
    token = tokens.issue(uuid4(), 1).text
    tokens.verify(token)
    now[0] += 3600

    for _ in range(2):
        with pytest.raises(TokenRefused) as refused:
            tokens.verify(token)
        assert refused.value.reason == EXPIRED


@pytest.mark.parametrize(
    "token",
    [
        expired(key="another secret key of enough length"),
        expired()[:-4] + "AAAA",
        expired() + "x",
        ".".join((expired().split(".")[0], expired().split(".")[1], "")),
    ],
    ids=["another key", "another signature", "longer", "no signature"],
)
async def test_a_forged_one_is_like_none(stranger: Client, token: str) -> None:
    answer = await Client(stranger.http, token).ask("{ viewer { roles } }")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_token_counts_in_its_header_only(
    stranger: Client, token_for: Callable[..., Awaitable[str]]
) -> None:
    token = await token_for(Role.CONTROLLER)
    query = {"query": "{ viewer { roles } }"}

    as_parameter = await stranger.http.get("/graphql", params={**query, "access_token": token})
    as_cookie = await stranger.http.post(
        "/graphql", json=query, headers={"cookie": f"token={token}; authorization={token}"}
    )

    assert as_parameter.status_code == as_cookie.status_code == 401


async def test_anybody_may_try_to_log_in(stranger: Client, email: str) -> None:
    answer = await stranger.ask(LOGIN, input={"email": email, "password": PASSWORD})

    login = answer.json()["data"]["login"]
    assert login["viewer"] == {"roles": ["ACCOUNTANT"], "user": {"name": "Somebody"}}
    assert login["userErrors"] == []
    signed_in = Client(stranger.http, login["accessToken"])
    assert (await signed_in.ask("{ viewer { roles } }")).status_code == 200


async def test_a_token_that_is_not_good_any_more_hinders_no_log_in(
    stranger: Client, email: str
) -> None:
    client = Client(stranger.http, "x.y.z")

    answer = await client.ask(LOGIN, input={"email": email, "password": PASSWORD})

    assert answer.json()["data"]["login"]["userErrors"] == []


async def test_a_wrong_password_is_an_error_of_the_form(stranger: Client, email: str) -> None:
    answer = await stranger.ask(LOGIN, input={"email": email, "password": "not the password"})

    assert answer.status_code == 200
    assert answer.json()["data"]["login"]["userErrors"] == [{"code": "FORBIDDEN"}]
    assert answer.json()["data"]["login"]["accessToken"] is None


async def test_suspension_counts_for_the_very_next_request(
    stranger: Client, database: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user_id = await make_user(database, Role.CONTROLLER)
    token = AccessTokens(SECRET, timedelta(minutes=10)).issue(user_id, 1).text
    client = Client(stranger.http, token)
    mixed = "{ viewer { roles } customers { totalCount } }"
    assert (await client.ask("{ customers { totalCount } }")).status_code == 200

    await owner.execute("UPDATE users SET is_active = false WHERE id = $1", user_id)

    planned = await client.ask("{ customers { totalCount } }")
    executed = await client.ask(mixed)
    assert planned.status_code == executed.status_code == 401
    assert planned.json() == executed.json()
    assert set(executed.json()) == {"errors"}


async def test_a_token_of_nobody_is_refused(stranger: Client) -> None:
    token = AccessTokens(SECRET, timedelta(minutes=10)).issue(uuid4(), 1).text

    assert (await Client(stranger.http, token).ask("{ viewer { roles } }")).status_code == 401
