"""What somebody may not see answers byte for byte like what was never there.

A sales rep, a sales manager and a portal log-in ask by ids of a customer that is not theirs, and by
ids that nobody has. Only the request's own id and the date may differ, and those are sent or cut.
"""

from collections.abc import Mapping
from typing import Any

import asyncpg
import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from app.schema.root import schema
from tests.api.bad import BASES, resolved
from tests.api.ground import Ground, make_ground
from tests.api.scenarios import PUBLIC
from tests.api.stage import Person, make_stage
from tests.serving import Client, Reply, Server

ROLES = (Role.SALES_REP, Role.SALES_MANAGER, Role.CUSTOMER)
# What is there but unseen, and what is not there at all, for each kind of id.
PAIRS = {
    "customer": ("far", "unknown"),
    "entry": ("far debit", "nobody's debit"),
    "credit": ("far credit", "nobody's debit"),
    "allocation": ("far allocation", "nobody's allocation"),
}
EXPLAINED = """query($id: ID!) {
    viewer { explainAccess(coordinate: "%s", node: $id) { effect scope rowVisible } }
}"""
QUERIES = {
    "customer": (
        "query($id: ID!) { customer(id: $id) { id code businessName pendingBalance version } }",
        "query($id: ID!) { c: customer(id: $id) { openItems { totalCount } ageing { total } } }",
        "query($id: ID!) { node(id: $id) { __typename id } }",
        "query($id: ID!) { nodes(ids: [$id, $id]) { id } }",
        EXPLAINED % "Customer.code",
    ),
    "entry": (
        "query($id: ID!) { ledgerEntry(id: $id) { id number amount customer { code } } }",
        "query($id: ID!) { node(id: $id) { __typename ... on LedgerEntry { amount } } }",
        EXPLAINED % "LedgerEntry.amount",
    ),
    "allocation": ("query($id: ID!) { node(id: $id) { ... on Allocation { amount } } }",),
}
# For each mutation that names something of a customer: the field, and the kind of its id.
MUTATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "updateCustomer": (("id", "customer"),),
    "assignCustomer": (("id", "customer"),),
    "deleteCustomer": (("id", "customer"),),
    "restoreCustomer": (("id", "customer"),),
    "postInvoice": (("customer", "customer"),),
    "recordPayment": (("customer", "customer"), ("allocations", "entry")),
    "issueCreditNote": (("customer", "customer"), ("against", "entry")),
    "allocate": (("credit", "credit"), ("allocations", "entry")),
    "undoAllocation": (("allocation", "allocation"),),
    "runReconciliation": (("customers", "customer"),),
}
WITHOUT_CUSTOMER = {"createCustomer", "saveProduct", "createFiscalYear", "saveUser"} | PUBLIC


@pytest.fixture(scope="module")
async def ground(
    database: Database, server: Server, http: httpx.AsyncClient, database_url: str
) -> Ground:
    watcher = await asyncpg.connect(database_url)
    try:
        return await make_ground(await make_stage(database, server, http), watcher)
    finally:
        await watcher.close()


@pytest.fixture(scope="module")
async def people(ground: Ground) -> Mapping[Role, Person]:
    near = await ground.stage.customer(near=True)
    return {role: await ground.stage.person(role, near) for role in ROLES}


def test_every_mutation_is_covered() -> None:
    assert schema._schema.mutation_type.fields.keys() == MUTATIONS.keys() | WITHOUT_CUSTOMER


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize(
    ("kind", "query"), [(kind, query) for kind, queries in QUERIES.items() for query in queries]
)
async def test_reads(
    ground: Ground, people: Mapping[Role, Person], role: Role, kind: str, query: str
) -> None:
    unseen, absent = PAIRS[kind]
    client = people[role].client
    replies = [await _bytes(client, query, {"id": ground[name]}) for name in (unseen, absent)]
    assert replies[0] == replies[1]


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize(
    ("mutation", "field", "kind"),
    [(name, field, kind) for name, fields in MUTATIONS.items() for field, kind in fields],
)
async def test_mutations(
    ground: Ground,
    people: Mapping[Role, Person],
    role: Role,
    mutation: str,
    field: str,
    kind: str,
) -> None:
    replies = []
    for name in PAIRS[kind]:
        given = resolved(BASES[mutation][1], ground)
        given[field] = _put(field, ground[name])
        variables = {
            "input": {**given, "idempotencyKey": "k"} if "idempotencyKey" in given else given
        }
        replies.append(await _bytes(people[role].client, _document(mutation), variables))
    assert replies[0] == replies[1]
    assert b'"userErrors":[{' in replies[0].body


async def test_a_number_and_a_code_tell_nothing(
    ground: Ground, people: Mapping[Role, Person], database: Database
) -> None:
    code, number = await database.read_pool.fetchrow(
        "SELECT customers.code, ledger_entries.number FROM customers JOIN ledger_entries "
        "ON customer_id = customers.id WHERE assigned_to = $1 LIMIT 1",
        ground.stage.stranger,
    )
    for person in people.values():
        for query, there, absent in (
            ("query($it: String) { customer(code: $it) { id } }", code, "C0-none"),
            ("query($it: String) { ledgerEntry(number: $it) { id } }", number, "INV-999999"),
        ):
            replies = [await _bytes(person.client, query, {"it": name}) for name in (there, absent)]
            assert replies[0] == replies[1]


def _put(field: str, name: str) -> Any:
    if field == "allocations":
        return [{"debit": name, "amount": "0.01"}]
    return [name] if field == "customers" else name


def _document(mutation: str) -> str:
    input_type = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"""mutation($input: {input_type}!) {{
        {mutation}(input: $input) {{
            userErrors {{ code message path details }} clientMutationId __typename
        }}
    }}"""


async def _bytes(client: Client, query: str, variables: dict[str, Any]) -> Reply:
    """The reply without what differs between any two requests."""
    reply = await client.ask(query, variables, x_request_id="the-same")
    headers = {name: it for name, it in reply.headers.items() if name != "date"}
    return Reply(reply.status, headers, reply.body)
