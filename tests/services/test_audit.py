"""The audit trail keeps refusals too, without what was refused."""

from decimal import Decimal

import asyncpg
import orjson
import pytest

from app.domain.errors import Invalid
from app.infra.database import Database
from app.services import audit
from app.services.json_text import json_text
from tests.factories import actor_for, make_customer


async def test_a_refusal_is_kept_with_its_code_and_path_only(
    database: Database, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    actor = await actor_for(database)
    customer = await make_customer(database)
    error = Invalid("jane@example.com is no code.", "code", details={"code": "jane@example.com"})
    subject = audit.Subject(type="Customer", id=customer, customer_id=customer)
    await database.run(
        lambda tx: audit.record_refusal(tx, actor, "createCustomer", error, subject=subject)
    )
    event = await owner.fetchrow("SELECT * FROM audit_events WHERE subject_id = $1", customer)
    assert (event["outcome"], event["reason"]) == ("REFUSED", "VALIDATION")
    assert (event["actor_id"], event["request_id"]) == (actor.user_id, actor.request_id)
    assert orjson.loads(event["after"]) == {"code": "VALIDATION", "path": ["code"]}


def test_an_exact_number_goes_into_json_as_text_only() -> None:
    with pytest.raises(TypeError):
        json_text({"amount": Decimal("0.10")})
