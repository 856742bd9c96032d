"""`verifyLedger` recomputes what was posted since the last proof, and holds that to its hash."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api.stage import Stage, customer_name, make_stage
from tests.factories import DAY
from tests.services.reconciliation.runs import reconcile
from tests.services.reconciliation.test_tampering import rehash
from tests.serving import Server

POST = """mutation($input: RecordPaymentInput!) { recordPayment(input: $input) {
    userErrors { code } } }"""
VERIFY = """query($id: ID!) { customer(id: $id) { verifyLedger {
    ok entriesChecked reason firstBroken { sequence } } } }"""
Owner = Any


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


async def pay(stage: Stage, customer: Any, times: int) -> None:
    for _ in range(times):
        given = {
            "customer": customer_name(customer),
            "transactionDate": DAY.isoformat(),
            "amount": "1.00",
            "method": "CASH",
            "idempotencyKey": str(uuid4()),
        }
        client = stage.people[Role.ACCOUNTANT].client
        answer = (await client.ask(POST, {"input": given})).field("recordPayment")
        assert answer["userErrors"] == []


async def verify(stage: Stage, customer: Any) -> dict[str, Any]:
    client = stage.people[Role.ACCOUNTANT].client
    found = (await client.ask(VERIFY, {"id": customer_name(customer)})).field("customer")
    verified: dict[str, Any] = found["verifyLedger"]
    return verified


async def change(owner: Owner, customer: Any, sequence: int, what: str) -> None:
    """By somebody who takes every trigger away, and puts it back."""
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute(
        f"UPDATE ledger_entries SET {what} WHERE customer_id = $1 AND sequence = $2",
        customer,
        sequence,
    )
    await owner.execute("ALTER TABLE ledger_entries ENABLE TRIGGER USER")


SOUND: dict[str, Any] = {"ok": True, "reason": None, "firstBroken": None}
CHANGED = "This entry is not what it was when it was posted."
PROOF = "The entry that the last proof ended with is not what it was."


async def test_what_was_posted_since_the_proof_is_recomputed(
    stage: Stage, database: Database, owner: Owner
) -> None:
    customer = await stage.customer(near=True)
    assert await verify(stage, customer) == SOUND | {"entriesChecked": 0}
    await pay(stage, customer, 3)
    assert await verify(stage, customer) == SOUND | {"entriesChecked": 3}
    await reconcile(database)
    assert await verify(stage, customer) == SOUND | {"entriesChecked": 3}
    await pay(stage, customer, 2)
    assert await verify(stage, customer) == SOUND | {"entriesChecked": 5}
    await change(owner, customer, 4, "payment_method = 'CARD'")
    found = await verify(stage, customer)
    assert (found["ok"], found["reason"]) == (False, CHANGED)
    assert found["firstBroken"] == {"sequence": 4}


async def test_what_was_proved_is_not_hashed_again_unless_the_proof_was_taken_back(
    stage: Stage, database: Database, owner: Owner
) -> None:
    customer = await stage.customer(near=True)
    await pay(stage, customer, 3)
    await reconcile(database)
    await change(owner, customer, 2, "payment_method = 'CARD'")
    assert (await verify(stage, customer))["ok"]
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER append_only")
    await owner.execute(
        "UPDATE ledger_entries SET payment_method = 'CHEQUE' "
        "WHERE customer_id = $1 AND sequence = 2",
        customer,
    )
    await owner.execute("ALTER TABLE ledger_entries ENABLE TRIGGER append_only")
    found = await verify(stage, customer)
    assert (found["reason"], found["firstBroken"]) == (CHANGED, {"sequence": 2})


async def test_a_chain_made_anew_does_not_hold(
    stage: Stage, database: Database, owner: Owner
) -> None:
    customer = await stage.customer(near=True)
    await pay(stage, customer, 3)
    await reconcile(database)
    await owner.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
    await owner.execute(
        "UPDATE ledger_entries SET payment_method = 'CARD' WHERE customer_id = $1 AND sequence = 1",
        customer,
    )
    await rehash(owner, customer)
    await owner.execute("ALTER TABLE ledger_entries ENABLE TRIGGER USER")
    found = await verify(stage, customer)
    assert (found["reason"], found["firstBroken"]) == (PROOF, {"sequence": 3})
