"""What the IDE proposes works: for every role, on the demo data, with nothing refused."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from graphql import parse

from app.http.examples import Example, examples, script
from app.infra.database import Database
from app.policies.roles import Role
from app.services.auth.tokens import AccessTokens
from app.services.demo import seed
from tests.factories import make_user
from tests.http.calling import SECRET, Client, SomeSettings, served

EXAMPLES = examples()
PAIRS = [(example, role) for example in EXAMPLES for role in example.roles]


@pytest.fixture(scope="module")
async def demo(settings_with: SomeSettings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    await seed(database)
    async with served(settings_with()) as http:
        yield http


def test_every_role_has_some() -> None:
    for role in Role:
        assert [each.name for each in EXAMPLES if role in each.roles], role


@pytest.mark.parametrize(
    ("example", "role"), PAIRS, ids=[f"{example.name} {role}" for example, role in PAIRS]
)
async def test_its_role_can_run_it(
    demo: httpx.AsyncClient, database: Database, example: Example, role: Role
) -> None:
    client = await signed_in(demo, database, role)
    variables = dict(example.variables)
    if "customer" in variables:
        known = await client.ask("{ customers(first: 1) { nodes { id } } }")
        variables["customer"] = known.json()["data"]["customers"]["nodes"][0]["id"]
        variables["date"] = datetime.now(UTC).date().isoformat()
    for definition in parse(example.query).definitions:
        name = definition.name.value  # type: ignore[attr-defined] # operations, all of them named
        answer = await client.http.post(
            "/graphql",
            json={"query": example.query, "operationName": name, "variables": variables},
            headers=client.headers,
        )

        body = answer.json()
        assert answer.status_code == 200
        assert "errors" not in body, body
        assert all(not payload.get("userErrors") for payload in body["data"].values()), body


async def signed_in(http: httpx.AsyncClient, database: Database, role: Role) -> Client:
    """The demo's portal customer, or a new user who sees what their role sees."""
    if role is Role.CUSTOMER:
        async with database.read_pool.acquire() as connection:
            user_id, version = await connection.fetchrow(
                "SELECT id, access_version FROM users WHERE email = 'customer@demo.example'"
            )
    else:
        user_id, version = await make_user(database, role), 1
    return Client(http, AccessTokens(SECRET, timedelta(minutes=10)).issue(user_id, version).text)


def test_the_page_gets_them_as_they_are() -> None:
    text = script().decode()

    assert text.startswith("window.EXAMPLES = [")
    for example in EXAMPLES:
        assert example.query.splitlines()[-2] in text
