"""Every mutation, as every role, on a customer that is near to them and on one that is far.

Who may do what is asked of the compiled grants, which tests/policies hold to the table of roles.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from app.schema.root import schema
from tests.api.scenarios import PUBLIC, SCENARIOS, SELECTIONS, Scenario
from tests.api.stage import NEAR_FACTS, Person, Stage, customer_name, make_stage
from tests.invariants import broken, snapshot
from tests.serving import Reply, Server

Owner = asyncpg.Connection

# Made anew by every execution: the same in two of them only by whether they are there.
VOLATILE = {
    *("id", "number", "hash", "postedAt", "createdAt", "updatedAt", "deletedAt"),
    *("allocatedAt", "undoneAt", "startedAt"),
}
BY_MUTATION = {each.mutation: each for each in SCENARIOS}
OPTIMISTIC = ("updateCustomer", "assignCustomer", "deleteCustomer", "restoreCustomer")
KEYED = [each.mutation for each in SCENARIOS if each.has_replays]


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


@pytest.fixture(scope="module", autouse=True)
async def invariants_hold(stage: Stage, database_url: str) -> AsyncIterator[None]:
    yield
    owner = await asyncpg.connect(database_url)
    assert await broken(owner) == {}
    await owner.close()
    assert stage.server.faults == []


def test_every_mutation_has_a_scenario() -> None:
    fields = schema._schema.mutation_type.fields.keys()
    assert fields == BY_MUTATION.keys() | PUBLIC


@pytest.mark.parametrize("role", Role, ids=str)
@pytest.mark.parametrize(
    ("mutation", "near"),
    [
        pytest.param(each.mutation, near, id=f"{each.mutation}-{'near' if near else 'far'}")
        for each in SCENARIOS
        for near in (True, False)
        if near or each.about_customer
    ],
)
async def test_it_works_for_whom_it_is_for(
    stage: Stage, owner: Owner, mutation: str, role: Role, *, near: bool
) -> None:
    scenario = BY_MUTATION[mutation]
    customer = await stage.customer(near=near)
    person = await stage.person(role, customer if near else await stage.customer(near=True))
    given, shown = await scenario.prepare(stage, customer)
    code = _expected(scenario, person, near=near)
    if code is None:
        await _works(owner, scenario, person, given, shown)
    else:
        await _is_refused(owner, scenario, person, given, code)


def _expected(scenario: Scenario, person: Person, *, near: bool) -> str | None:
    """The code to be refused with: unseen customers do not exist, whatever else may be done."""
    coordinate = f"Mutation.{scenario.mutation}"
    if not person.grant.may_execute(coordinate):
        return "FORBIDDEN"
    if not scenario.about_customer:
        return None
    facts = NEAR_FACTS.get(person.role, frozenset()) if near else frozenset()
    if not person.grant.rows("Customer").holds(facts):
        return "NOT_FOUND"
    return None if person.grant.execute(coordinate).holds(facts) else "FORBIDDEN"


async def _works(
    owner: Owner, scenario: Scenario, person: Person, given: dict[str, Any], shown: Any
) -> None:
    before = await snapshot(owner)
    dry = _payload(await _send(scenario, person, given, dryRun=True, clientMutationId="one"))
    assert await snapshot(owner) == before
    reply = await _send(scenario, person, given, clientMutationId="two ✓")
    payload = _payload(reply)
    for done in (dry, payload):
        assert done["userErrors"] == []
        for path, value in shown.items():
            assert _at(done, path) == value, path
    assert (dry["clientMutationId"], payload["clientMutationId"]) == ("one", "two ✓")
    assert _lasting(dry) == _lasting(payload)
    await _is_read_again(scenario, person, payload)
    events = await _events(owner, reply)
    assert events, "nothing was audited"
    assert {(each["actor_id"], each["action"], each["outcome"]) for each in events} == {
        (person.user_id, scenario.mutation, "DONE")
    }


async def _is_refused(
    owner: Owner, scenario: Scenario, person: Person, given: dict[str, Any], code: str
) -> None:
    before = await snapshot(owner)
    for dry_run in (True, False):
        reply = await _send(scenario, person, given, dryRun=dry_run, clientMutationId="one")
        payload = _payload(reply)
        assert [each["code"] for each in payload["userErrors"]] == [code]
        assert payload["clientMutationId"] == "one"
        assert not any(payload[name] for name in scenario.payload)
        events = await _events(owner, reply)
        assert [
            (each["actor_id"], each["action"], each["outcome"], each["reason"]) for each in events
        ] == [(person.user_id, scenario.mutation, "REFUSED", code)]
    assert _changed(before, await snapshot(owner)) == {"audit_events"}


async def _is_read_again(scenario: Scenario, person: Person, payload: dict[str, Any]) -> None:
    """What the payload shows is what is read afterwards, by the same person."""
    for name, type_name in scenario.payload.items():
        listed = payload[name] if isinstance(payload[name], list) else [payload[name]]
        rows = [row for row in listed if row]
        if not rows:
            continue
        document = f"""query($ids: [ID!]!) {{
            nodes(ids: $ids) {{ ... on {type_name} {{ {SELECTIONS[type_name]} }} }}
        }}"""
        reply = await person.client.ask(document, {"ids": [row["id"] for row in rows]})
        assert reply.field("nodes") == rows, name


@pytest.mark.parametrize("mutation", OPTIMISTIC)
async def test_a_stale_version_is_refused(stage: Stage, owner: Owner, mutation: str) -> None:
    scenario, person = BY_MUTATION[mutation], stage.people[Role.ADMIN]
    customer = await stage.customer(near=True)
    given, _ = await scenario.prepare(stage, customer)
    before = await snapshot(owner)
    for expected in (0, 2, -1):
        stale = {**given, "expectedVersion": expected}
        (error,) = _payload(await _send(scenario, person, stale))["userErrors"]
        assert (error["code"], error["path"]) == ("CONFLICT", ["expectedVersion"])
        assert error["details"] == {"expectedVersion": expected, "version": 1}
    assert _changed(before, await snapshot(owner)) == {"audit_events"}


async def test_of_changes_to_one_version_one_wins(stage: Stage) -> None:
    scenario, person = BY_MUTATION["updateCustomer"], stage.people[Role.ADMIN]
    customer = await stage.customer(near=True)
    given, _ = await scenario.prepare(stage, customer)
    replies = await asyncio.gather(
        *(_send(scenario, person, {**given, "contactName": f"Name {n}"}) for n in range(8))
    )
    payloads = [_payload(each) for each in replies]
    codes = [error["code"] for each in payloads for error in each["userErrors"]]
    assert codes == ["CONFLICT"] * 7
    (winner,) = [each for each in payloads if not each["userErrors"]]
    read = await person.client.ask(
        "query($id: ID!) { customer(id: $id) { contactName version } }",
        {"id": customer_name(customer)},
    )
    assert read.field("customer") == {
        "contactName": winner["customer"]["contactName"],
        "version": 2,
    }


@pytest.mark.parametrize("mutation", KEYED)
async def test_a_key_has_one_effect(stage: Stage, owner: Owner, mutation: str) -> None:
    scenario, person = BY_MUTATION[mutation], stage.people[Role.ACCOUNTANT]
    customer = await stage.customer(near=True)
    given, _ = await scenario.prepare(stage, customer)
    first = _payload(await _send(scenario, person, given))
    before = await snapshot(owner)
    again = await _send(scenario, person, given)
    dry = await _send(scenario, person, given, dryRun=True)
    for payload in (_payload(again), _payload(dry)):
        assert (first["replayed"], payload["replayed"]) == (False, True)
        assert {**payload, "replayed": False} == first
    assert [each["outcome"] for each in await _events(owner, again)] == ["REPLAYED"]
    assert await _events(owner, dry) == []
    assert _changed(before, await snapshot(owner)) == {"audit_events"}


@pytest.mark.parametrize("mutation", KEYED)
async def test_a_key_is_for_one_request(stage: Stage, owner: Owner, mutation: str) -> None:
    scenario, person = BY_MUTATION[mutation], stage.people[Role.ACCOUNTANT]
    customer = await stage.customer(near=True)
    given, _ = await scenario.prepare(stage, customer)
    await _send(scenario, person, given)
    key = given["idempotencyKey"]
    rival = BY_MUTATION["postInvoice" if mutation == "recordPayment" else "recordPayment"]
    for other in (scenario, rival):
        changed, _ = await other.prepare(stage, await stage.customer(near=True))
        before = await snapshot(owner)
        refused = await _send(other, person, {**changed, "idempotencyKey": key})
        (error,) = _payload(refused)["userErrors"]
        assert (error["code"], error["path"]) == ("IDEMPOTENCY_CONFLICT", ["idempotencyKey"])
        assert error["details"] == {"idempotencyKey": key}
        assert _changed(before, await snapshot(owner)) == {"audit_events"}


@pytest.mark.parametrize("role", Role, ids=str)
async def test_each_field_of_a_customer_is_written_by_whom_it_is_for(
    stage: Stage, role: Role
) -> None:
    customer = await stage.customer(near=True)
    person = await stage.person(role, customer)
    facts = NEAR_FACTS.get(role, frozenset())
    may_update = person.grant.may_execute("Mutation.updateCustomer")
    scenario = BY_MUTATION["updateCustomer"]
    for field, value in _CHANGES.items():
        given = {"id": customer_name(customer), "expectedVersion": 1, field: value}
        errors = _payload(await _send(scenario, person, given, dryRun=True))["userErrors"]
        coordinate = f"UpdateCustomerInput.{field}"
        if may_update and person.grant.writable(coordinate).holds(facts):
            assert errors == [], coordinate
        elif may_update:
            (error,) = errors
            assert (error["code"], error["path"]) == ("FORBIDDEN", [field])
            assert error["details"] == {"coordinate": coordinate}
        else:
            assert [(each["code"], each["path"]) for each in errors] == [("FORBIDDEN", [])]


def test_every_field_of_a_customer_is_tried() -> None:
    given = schema._schema.type_map["UpdateCustomerInput"].fields.keys()
    assert _CHANGES.keys() == given - {"id", "expectedVersion", "meta"}


_CHANGES: dict[str, Any] = {
    "businessName": "Renamed",
    "contactName": "Grace",
    "email": "grace@example.com",
    "phone": "030 1234",
    "billingAddress": {"line1": "1 Main St", "city": "Springfield", "country": "US"},
    "taxId": "DE123456789",
    "customerType": "WHOLESALE",
    "paymentTermsDays": 7,
    "tags": ["vip"],
    "notes": "Calls back\nlate",
    "preferences": {"locale": "de-CH", "timeZone": "Europe/Zurich"},
}


async def _send(scenario: Scenario, person: Person, given: dict[str, Any], **meta: Any) -> Reply:
    variables = {"input": {**given, "meta": meta} if meta else given}
    return await person.client.ask(scenario.document, variables)


def _payload(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    assert "errors" not in reply.json, reply.body
    (payload,) = reply.json["data"].values()
    return payload


def _at(value: Any, path: str) -> Any:
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def _changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The tables whose content is not what it was."""
    return {name for name in after if after[name] != before[name]}


def _lasting(value: Any) -> Any:
    """What two executions of one request have in common."""
    if isinstance(value, dict):
        return {
            name: (inner is not None) if name in VOLATILE else _lasting(inner)
            for name, inner in value.items()
            if name != "clientMutationId"
        }
    return [_lasting(each) for each in value] if isinstance(value, list) else value


async def _events(owner: Owner, reply: Reply) -> list[Any]:
    return await owner.fetch(
        "SELECT * FROM audit_events WHERE request_id = $1 ORDER BY id", reply.request_id
    )
