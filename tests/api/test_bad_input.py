"""Bad input over HTTP: every time a typed refusal at the right place, and nothing written."""

from collections import Counter
from collections.abc import AsyncIterator
from itertools import chain

import asyncpg
import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api import bad_postings, bad_records, bad_requests
from tests.api.bad import BASES, Bad, document, resolved
from tests.api.ground import Ground, make_ground
from tests.api.stage import Person, make_stage
from tests.invariants import broken, snapshot
from tests.serving import Reply, Server

Owner = asyncpg.Connection

CASES = list(chain(bad_postings.cases(), bad_records.cases(), bad_requests.cases()))


@pytest.fixture(scope="module")
async def watcher(database_url: str) -> AsyncIterator[Owner]:
    """A connection that sees everything."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def ground(
    database: Database, server: Server, http: httpx.AsyncClient, watcher: Owner
) -> AsyncIterator[Ground]:
    made = await make_ground(await make_stage(database, server, http), watcher)
    yield made
    assert await broken(watcher) == {}
    assert server.faults == []


@pytest.fixture(scope="module")
async def untouched(ground: Ground, watcher: Owner) -> dict[str, str]:
    """All that may never change, as it was before anything was tried."""
    assert ground.names
    return await _state(watcher)


async def _state(watcher: Owner) -> dict[str, str]:
    state = await snapshot(watcher)
    # Refused attempts are audited, and nothing else is.
    state["audit_events"] = str(
        await watcher.fetchval("SELECT count(*) FROM audit_events WHERE outcome <> 'REFUSED'")
    )
    return state


def test_cases_have_names_of_their_own() -> None:
    assert [name for name, n in Counter(each.name for each in CASES).items() if n > 1] == []


@pytest.mark.parametrize("mutation", BASES)
async def test_the_input_would_be_good(ground: Ground, mutation: str) -> None:
    """What is wrong with a case is nothing but what the case changes."""
    role, base = BASES[mutation]
    given = {**base, "meta": {"dryRun": True}}
    reply = await ground.stage.people[role].client.ask(
        document(mutation), {"input": resolved(given, ground)}
    )
    assert reply.field(mutation)["userErrors"] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_it_is_refused(
    ground: Ground, watcher: Owner, untouched: dict[str, str], case: Bad
) -> None:
    person = ground.stage.people[case.role]
    reply = await person.client.send(case.content(ground))
    if case.status == 200:
        _is_user_error(reply, case)
    else:
        _is_request_error(reply, case)
    await _is_audited(watcher, reply, person, case)
    assert await _state(watcher) == untouched


def _is_user_error(reply: Reply, case: Bad) -> None:
    assert case.mutation is not None
    (error,) = reply.field(case.mutation)["userErrors"]
    assert (error["code"], error["path"]) == (case.code, list(case.path)), error
    assert len(reply.body) < 1_000_000


def _is_request_error(reply: Reply, case: Bad) -> None:
    assert reply.status == case.status, reply.body[:500]
    assert reply.json.keys() == {"errors"}
    errors = reply.json["errors"]
    assert {each["extensions"]["code"] for each in errors} == {case.code}
    assert tuple(errors[0].get("path", ())) == case.path
    assert case.at in " ".join(each["message"] for each in errors)


async def _is_audited(watcher: Owner, reply: Reply, person: Person, case: Bad) -> None:
    rows = await watcher.fetch(
        "SELECT actor_id, action, outcome, reason, before, after::text FROM audit_events "
        "WHERE request_id = $1",
        reply.request_id,
    )
    if case.status != 200:
        assert rows == []
        return
    (row,) = rows
    assert (row["actor_id"], row["action"]) == (person.user_id, case.mutation)
    assert (row["outcome"], row["reason"]) == ("REFUSED", case.code)
    assert row["before"] is None
    assert len(row["after"]) < 200


async def test_a_mutation_id_with_nul_is_refused(
    ground: Ground, watcher: Owner, untouched: dict[str, str]
) -> None:
    """JSON cannot carry it in here, but a text of a document has escapes of its own."""
    text = r"""mutation($id: ID!) {
        updateCustomer(input: {
            id: $id, expectedVersion: 1, contactName: "Ada", meta: {clientMutationId: "a\u0000b"}
        }) { clientMutationId userErrors { code path } }
    }"""
    person = ground.stage.people[Role.ACCOUNTANT]
    reply = await person.client.ask(text, {"id": ground["customer"]})
    assert reply.field("updateCustomer") == {
        "clientMutationId": "a\0b",
        "userErrors": [{"code": "VALIDATION", "path": ["meta", "clientMutationId"]}],
    }
    assert await _state(watcher) == untouched


@pytest.mark.parametrize("name", ["businessName", "contactName", "notes"])
async def test_nul_in_a_text_of_a_document_is_refused(
    ground: Ground, watcher: Owner, untouched: dict[str, str], name: str
) -> None:
    text = f"""mutation($id: ID!) {{
        updateCustomer(input: {{id: $id, expectedVersion: 1, {name}: "a\\u0000b"}}) {{
            userErrors {{ code path }}
        }}
    }}"""
    person = ground.stage.people[Role.ACCOUNTANT]
    reply = await person.client.ask(text, {"id": ground["customer"]})
    assert reply.field("updateCustomer") == {"userErrors": [{"code": "VALIDATION", "path": [name]}]}
    assert await _state(watcher) == untouched
