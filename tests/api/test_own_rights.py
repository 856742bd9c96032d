"""Administrators who change what they themselves may do, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.domain import global_id
from app.infra.database import Database
from app.policies.roles import Role
from tests.api.stage import Stage, make_stage
from tests.factories import make_team, make_user
from tests.serving import Client, Server

Owner = asyncpg.Connection

SAVE = """mutation($i: SaveUserInput!) { saveUser(input: $i) {
    user { id name roles team { id } } userErrors { code path } } }"""
TWICE = """mutation($i: SaveUserInput!, $then: CreateCustomerInput!) {
    saveUser(input: $i) { user { team { id } } userErrors { code } }
    createCustomer(input: $then) { customer { code } userErrors { code } } }"""


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


class Me:
    """An administrator of this test alone."""

    def __init__(self, stage: Stage, owner: Owner, user_id: UUID, email: str) -> None:
        self.stage = stage
        self.owner = owner
        self.user_id = user_id
        self.client: Client = stage.client(user_id)
        self.input: dict[str, Any] = {
            "id": global_id.encode("User", user_id),
            "email": email,
            "name": "Me",
            "roles": ["ADMIN"],
        }

    async def standing(self) -> tuple[Any, ...]:
        columns = "roles, team_id, password_hash, access_version"
        row = await self.owner.fetchrow(f"SELECT {columns} FROM users WHERE id = $1", self.user_id)
        trail = "SELECT count(*) FROM audit_events WHERE actor_id = $1"
        return (*row, await self.owner.fetchval(trail, self.user_id))


@pytest.fixture
async def me(stage: Stage, database: Database, owner: Owner) -> AsyncIterator[Me]:
    user_id = await make_user(database, Role.ADMIN)
    email = await owner.fetchval("SELECT email FROM users WHERE id = $1", user_id)
    yield Me(stage, owner, user_id, email)
    assert stage.server.faults == []


async def change(stage: Stage, kind: str) -> dict[str, Any]:
    if kind == "team":
        return {"team": global_id.encode("Team", await make_team(stage.database))}
    return {"password": "a battery of correct horses"}


@pytest.mark.parametrize("kind", ["team", "password"])
async def test_administrators_may_change_themselves(stage: Stage, me: Me, kind: str) -> None:
    changes = await change(stage, kind)
    tried = {"i": me.input | changes | {"meta": {"dryRun": True}}}
    before = await me.standing()
    dry = (await me.client.ask(SAVE, tried)).field("saveUser")
    assert await me.standing() == before

    saved = (await me.client.ask(SAVE, {"i": me.input | changes})).field("saveUser")
    assert saved == dry
    team = {"id": changes["team"]} if kind == "team" else None
    roles = ["ADMIN"]
    user = {"id": me.input["id"], "name": "Me", "roles": roles, "team": team}
    assert saved == {"user": user, "userErrors": []}
    after = await me.standing()
    assert (after[3], after[4]) == (before[3] + 1, before[4] + 1)

    # The token was for who they were; with a new one they go on.
    assert (await me.client.ask("{ viewer { roles } }")).status == 401
    anew = stage.client(me.user_id, access_version=after[3])
    assert (await anew.ask("{ viewer { roles } }")).json["data"]["viewer"]["roles"] == roles


@pytest.mark.parametrize("roles", [["ADMIN", "CONTROLLER", "ACCOUNTANT"], ["SUPPORT"]])
async def test_nobody_changes_their_own_roles(me: Me, roles: list[str]) -> None:
    before = await me.standing()
    for meta in ({"dryRun": True}, {}):
        reply = await me.client.ask(SAVE, {"i": me.input | {"roles": roles, "meta": meta}})
        refusal = {"code": "FORBIDDEN", "path": ["roles"]}
        assert reply.field("saveUser") == {"user": None, "userErrors": [refusal]}
    assert (await me.standing())[:4] == before[:4]


async def test_the_request_goes_on_as_who_they_are_now(stage: Stage, me: Me) -> None:
    then = {"code": f"OWN-{me.user_id}"[:40], "businessName": "After", "currency": "EUR"}
    changes = await change(stage, "team")
    reply = await me.client.ask(TWICE, {"i": me.input | changes, "then": then})
    assert reply.json["data"] == {
        "saveUser": {"user": {"team": {"id": changes["team"]}}, "userErrors": []},
        "createCustomer": {"customer": {"code": then["code"]}, "userErrors": []},
    }


async def test_what_was_only_tried_changes_nothing_of_the_request(stage: Stage, me: Me) -> None:
    team = await change(stage, "team")
    tried = me.input | team | {"meta": {"dryRun": True}}
    reply = await me.client.ask(
        "mutation($i: SaveUserInput!, $j: SaveUserInput!) {"
        "a: saveUser(input: $i) { user { team { id } } userErrors { code } }"
        "b: saveUser(input: $j) { user { team { id } } userErrors { code } } }",
        {"i": tried, "j": me.input},
    )
    teams = [each["user"]["team"] for each in reply.json["data"].values()]
    assert teams == [{"id": team["team"]}, None]


async def test_a_policy_that_changes_meanwhile_counts(stage: Stage, me: Me, owner: Owner) -> None:
    """The grant that the payload is read with was compiled from the policy that is in force."""
    await me.client.ask("{ viewer { roles } }")  # the process knows the policy as it was
    await owner.execute(
        "INSERT INTO policy_rules (subject, object, action, scope, effect, description) "
        "VALUES ('ADMIN', 'user.rights', 'read', 'TEAM', 'DENY', 'for this test')"
    )
    try:
        reply = await me.client.ask(SAVE, {"i": me.input | await change(stage, "team")})
        assert reply.field("saveUser")["user"]["name"] == "Me"
        assert "User.team" in reply.json["extensions"]["withheld"]
    finally:
        await owner.execute("DELETE FROM policy_rules WHERE description = 'for this test'")
