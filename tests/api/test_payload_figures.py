"""A payload's figures know what its own mutation has posted."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.infra.database import Database
from app.policies.roles import Role
from tests.api.stage import Stage, customer_name, make_stage
from tests.factories import DAY
from tests.serving import Server

DOCUMENT = """mutation($input: RecordPaymentInput!) { recordPayment(input: $input) {
    entry { number }
    customer {
        currentBalance balanceAt { current } verifyLedger { ok entriesChecked }
        explainBalance { balance { current } groups { total entries { number } } }
        statement(from: "%s", to: "%s") { closingBalance lines { entry { number } } }
    }
    userErrors { code message }
} }"""


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    return await make_stage(database, server, http)


@pytest.mark.parametrize("is_dry", [False, True])
async def test_every_figure_has_the_new_entry_in_it(stage: Stage, is_dry: bool) -> None:
    given: dict[str, Any] = {
        "customer": customer_name(await stage.customer(near=True)),
        "transactionDate": DAY.isoformat(),
        "amount": "12.34",
        "method": "CASH",
        "idempotencyKey": str(uuid4()),
        "meta": {"dryRun": is_dry},
    }
    client = stage.people[Role.ACCOUNTANT].client
    document = DOCUMENT % (DAY, DAY)
    payload = (await client.ask(document, {"input": given})).field("recordPayment")
    assert payload["userErrors"] == []
    number = {"number": payload["entry"]["number"]}
    customer = payload["customer"]
    assert customer == {
        "currentBalance": "-12.34",
        "balanceAt": {"current": "-12.34"},
        "verifyLedger": {"ok": True, "entriesChecked": 1},
        "explainBalance": {
            "balance": {"current": "-12.34"},
            "groups": [{"total": "-12.34", "entries": [number]}],
        },
        "statement": {"closingBalance": "-12.34", "lines": [{"entry": number}]},
    }
    if not is_dry:
        again = (await client.ask(document, {"input": given})).field("recordPayment")
        assert again["customer"] == customer
