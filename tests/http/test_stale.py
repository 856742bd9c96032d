"""What no stamped statement answers: fields made of the grant itself, introspection, refusals."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from app.services.auth.tokens import AccessTokens
from tests.factories import make_user
from tests.http.calling import SECRET, Client

DELETE = """mutation { deleteCustomer(input: {id: "x", expectedVersion: 1, reason: "x"}) {
    userErrors { code } } }"""
ASKED = {
    "roles": "{ viewer { roles } }",
    "permissions": "{ viewer { permissions { coordinate } } }",
    "a decision": '{ viewer { explainAccess(coordinate: "Customer.email") { effect } } }',
    "introspection": "{ __schema { queryType { name } } }",
    "a refused read": "{ reconciliationRuns { totalCount } }",
    "a refused read beside others": "{ viewer { roles } reconciliationRuns { totalCount } }",
    "a refused argument": '{ customer(id: "x") { code } }',
    "a refused change": DELETE,
}


def client_of(stranger: Client, user_id: UUID) -> Client:
    token = AccessTokens(SECRET, timedelta(minutes=10)).issue(user_id, 1).text
    return Client(stranger.http, token)


@pytest.mark.parametrize("query", ASKED.values(), ids=ASKED.keys())
async def test_a_suspended_user_learns_nothing(
    stranger: Client, database: Database, owner: "asyncpg.Connection[asyncpg.Record]", query: str
) -> None:
    user_id = await make_user(database, Role.SALES_REP)
    client = client_of(stranger, user_id)
    assert (await client.ask(query)).status_code in {200, 400, 403}

    await owner.execute("UPDATE users SET is_active = false WHERE id = $1", user_id)

    answer = await client.ask(query)
    assert answer.status_code == 401
    assert set(answer.json()) == {"errors"}


async def test_a_new_rule_allows_though_nobody_was_told_of_it(
    stranger: Client, database: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    user_id = await make_user(database, Role.SALES_REP)
    client = client_of(stranger, user_id)
    query = "{ reconciliationRuns { totalCount } }"
    assert (await client.ask(query)).status_code == 403

    await owner.execute(
        """INSERT INTO policy_rules (subject, object, action, scope, effect)
        VALUES ($1, 'ReconciliationRun', 'read', 'ALL', 'ALLOW')""",
        f"user:{user_id}",
    )

    assert (await client.ask(query)).json() == {"data": {"reconciliationRuns": {"totalCount": 0}}}
