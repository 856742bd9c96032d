"""Faults of ours: logged with the request's id, told to nobody."""

from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest

from app.policies.roles import Role
from tests.http.calling import Client, SomeSettings, served

PLANNED = "{ products { nodes { sku } } }"
EXECUTED = "{ viewer { roles } products { nodes { sku } } }"


@pytest.fixture
async def no_products(owner: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[None]:
    """A database without the table of products."""
    await owner.execute("ALTER TABLE products RENAME TO secret_goods")
    yield
    await owner.execute("ALTER TABLE secret_goods RENAME TO products")


@pytest.mark.usefixtures("no_products")
@pytest.mark.parametrize("document", [PLANNED, EXECUTED])
async def test_an_internal_error_is_masked_and_logged(
    accountant: Client, capsys: pytest.CaptureFixture[str], document: str
) -> None:
    answer = await accountant.ask(document)

    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    request_id = answer.headers["x-request-id"]
    assert error["message"] == "Internal error"
    assert error["extensions"] == {"code": "INTERNAL", "requestId": request_id}
    assert "data" not in answer.json()
    assert "products" not in answer.text.replace('"path":["products"]', "")
    logged = capsys.readouterr().out
    assert request_id in logged
    assert "UndefinedTableError" in logged


@pytest.mark.usefixtures("no_products")
async def test_what_did_work_is_answered(accountant: Client) -> None:
    answer = await accountant.ask('{ viewer { roles } product(sku: "x") { sku } }')

    assert answer.status_code == 200
    assert answer.json()["data"] == {"viewer": {"roles": ["ACCOUNTANT"]}, "product": None}
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_without_a_database_the_server_starts_and_says_to_try_again(
    settings_with: SomeSettings, token_for, tmp_path
) -> None:
    nowhere = f"postgresql://nobody@/nothing?host={tmp_path}"
    token = await token_for(Role.ACCOUNTANT)

    async with served(settings_with(database_url=nowhere)) as http:
        answer = await Client(http, token).ask("{ viewer { roles } }")
        alive = await http.get("/healthz")

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE", "retryable": True}
    assert str(tmp_path) not in answer.text
    assert alive.status_code == 200


async def test_a_connection_that_breaks_is_no_internal_error(
    accountant: Client, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    answers = [await accountant.ask("{ customers { totalCount } }") for _ in range(10)]

    assert {answer.status_code for answer in answers} <= {200, 503}
    assert answers[-1].status_code == 200
    assert orjson.loads(answers[-1].content) == {"data": {"customers": {"totalCount": 0}}}
