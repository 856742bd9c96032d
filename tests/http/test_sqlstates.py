"""What PostgreSQL refuses is told as what it is: come back, ask for less, or a fault of ours."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import httpx
import pytest

from app.http.refusals import refusal_of
from app.http.sqlstates import MEANINGS
from app.infra.database import Database, Interrupted, Transaction
from app.policies.roles import Role
from tests.api.stage import unused_code
from tests.http.calling import Client

Owner = asyncpg.Connection
# One of each class in the table, and each state in it.
STATES = [
    *(each for each in MEANINGS if len(each) == 5),
    *("08006", "28000", "54000", "57P01", "57P03"),
]
FAULTS = ["XX000", "XX001", "23505", "42P01", "22012", "P0001", "0A000"]
SAVE = """mutation($sku: String!) {
    saveProduct(input: {sku: $sku, name: "Bolt", unitPrice: "1", currency: "EUR"}) {
        product { sku } userErrors { code } } }"""


async def raised(owner: Owner, state: str) -> asyncpg.PostgresError:
    with pytest.raises(asyncpg.PostgresError) as error:
        await owner.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
    assert error.value.sqlstate == state
    return error.value


@pytest.mark.parametrize("state", STATES)
async def test_every_row_of_the_table(owner: Owner, state: str) -> None:
    refused = refusal_of(await raised(owner, state), "request-1")

    (error,) = refused.errors
    is_too_much = state in {"57014", "54000"}
    assert (refused.fault.status, error["extensions"]["code"]) == (
        (400, "VALIDATION") if is_too_much else (503, "UNAVAILABLE")
    )
    assert error["extensions"].get("retryable", False) is not is_too_much
    assert (b"retry-after" in dict(refused.headers)) is not is_too_much
    assert state not in error["message"]


@pytest.mark.parametrize("state", FAULTS)
async def test_all_else_is_a_fault_of_ours(owner: Owner, state: str) -> None:
    refused = refusal_of(await raised(owner, state), "request-1")

    assert refused.fault.status == 500
    assert refused.errors[0]["extensions"] == {"code": "INTERNAL", "requestId": "request-1"}


@pytest.fixture
async def failing(owner: Owner) -> AsyncIterator[Callable[[str], Awaitable[None]]]:
    """Products that cannot be saved: PostgreSQL says why by the state it is given."""
    await owner.execute("CREATE TABLE failing_with (state text)")
    await owner.execute("GRANT SELECT ON failing_with TO customer_flow_app")
    await owner.execute("""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE given text := (SELECT state FROM failing_with);
        BEGIN RAISE EXCEPTION 'no' USING ERRCODE = given; END $$
    """)
    await owner.execute(
        "CREATE TRIGGER fail BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION fail()"
    )

    async def with_state(state: str) -> None:
        await owner.execute("DELETE FROM failing_with")
        await owner.execute("INSERT INTO failing_with VALUES ($1)", state)

    yield with_state
    await owner.execute("DROP TRIGGER fail ON products")
    await owner.execute("DROP FUNCTION fail")
    await owner.execute("DROP TABLE failing_with")


@pytest.fixture
async def controller(http: httpx.AsyncClient, token_for: Callable[..., Awaitable[str]]) -> Client:
    return Client(http, await token_for(Role.CONTROLLER))


@pytest.mark.parametrize("state", ["53100", "25006", "55P03", "57014", "40P01", "40001", "57P01"])
async def test_a_mutation_that_may_be_sent_again_says_so(
    controller: Client, failing: Callable[[str], Awaitable[None]], state: str
) -> None:
    """Also one that was cancelled: whatever it read, that was not too much."""
    await failing(state)

    answer = await controller.ask(SAVE, sku=unused_code())

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    (error,) = answer.json()["errors"]
    assert error["extensions"] == {"code": "UNAVAILABLE", "retryable": True}


async def test_a_mutation_with_a_fault_of_ours_is_masked(
    controller: Client, failing: Callable[[str], Awaitable[None]]
) -> None:
    await failing("XX000")

    answer = await controller.ask(SAVE, sku=unused_code())

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_a_cancelled_transaction_is_interrupted(database: Database, owner: Owner) -> None:
    async def work(tx: Transaction) -> None:
        pid = await tx.connection.fetchval("SELECT pg_backend_pid()")
        sleeping = asyncio.create_task(tx.connection.execute("SELECT pg_sleep(20)"))
        await asyncio.sleep(0.2)
        await owner.execute("SELECT pg_cancel_backend($1)", pid)
        await sleeping

    with pytest.raises(Interrupted):
        await database.run(work)
