"""Walking a list while others come and go: what was there all the time is met once, in order."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from tests.planner.company import Company, stood_up
from tests.planner.loading import add
from tests.planner.world import EPOCH, Row
from tests.planner.world_building import build

ORDERS = (
    *("", "orderBy: {field: CODE}", "orderBy: {field: BUSINESS_NAME, direction: DESC}"),
    *("orderBy: [{field: CREATED_AT, direction: DESC}, {field: BUSINESS_NAME}]",),
    *("orderBy: {field: PENDING_BALANCE}", 'filter: {search: "alpha"}'),
)

ROUNDS = 12
"""How often others come and go while a list is walked, again and again."""


@pytest.fixture(scope="module")
def busy(servers: dict[str, str], runner: asyncio.Runner) -> Iterator[Company]:
    with stood_up(servers, runner, build()) as company:
        yield company


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("order", ORDERS)
def test_no_row_is_met_twice_or_missed(busy: Company, order: str, backwards: bool) -> None:
    busy.planned.runner.run(_walk_while_others_write(busy, order, backwards))


async def _walk_while_others_write(company: Company, order: str, backwards: bool) -> None:
    before = await _page(company, order, 1000, None, backwards)
    writer = Writer(company)
    task = asyncio.create_task(writer.run())
    there = [each["node"]["id"] for each in (before[::-1] if backwards else before)]
    try:
        while writer.rounds < ROUNDS:
            walked = await _walk(company, order, backwards)
            assert len(walked) == len(set(walked))
            assert [each for each in walked if each in set(there)] == there
    finally:
        writer.may_stop = True
        await task


async def _walk(company: Company, order: str, backwards: bool) -> list[str]:
    walked: list[str] = []
    cursor = None
    while edges := await _page(company, order, 2, cursor, backwards):
        walked += [each["node"]["id"] for each in (edges[::-1] if backwards else edges)]
        cursor = edges[0 if backwards else -1]["cursor"]
    return walked


async def _page(
    company: Company, order: str, size: int, cursor: str | None, backwards: bool
) -> list[dict[str, Any]]:
    window = f"last: {size}, before: $at" if backwards else f"first: {size}, after: $at"
    text = f"""query($at: Cursor) {{ customers({", ".join(filter(None, (window, order)))})
        {{ edges {{ cursor node {{ id }} }} }} }}"""
    outcome = await company.planned.asking(company.viewer("controller"), text, {"at": cursor})
    page: list[dict[str, Any]] = orjson.loads(outcome.json or "")["customers"]["edges"]
    return page


class Writer:
    """New customers everywhere in every order, and then without them again, until told to stop."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.rounds = 0
        self.may_stop = False

    async def run(self) -> None:
        connection = await asyncpg.connect(self.company.planned.url)
        try:
            while not self.may_stop:
                await _come_and_go(connection, self.company, self.rounds)
                self.rounds += 1
        finally:
            await connection.close()


async def _come_and_go(
    connection: "asyncpg.Connection[asyncpg.Record]", company: Company, turn: int
) -> None:
    like = company.world.rows("customers")[turn % 4]
    account = company.world.accounts[like["id"]]
    come: list[Row] = []
    for number in range(3):
        row_id = uuid4()
        come.append(
            like
            | {
                "id": row_id,
                "code": f"C{number * 17:03}-{row_id}",
                "business_name": ("Alpha", "Omega", "beta alpha")[number],
                "created_at": EPOCH + timedelta(days=number),
            }
        )
    async with connection.transaction():
        await add(connection, "customers", come)
        await add(connection, "accounts", [account | {"customer_id": row["id"]} for row in come])
    ids = [row["id"] for row in come]
    async with connection.transaction():
        await connection.execute("DELETE FROM accounts WHERE customer_id = ANY($1)", ids)
        await connection.execute("DELETE FROM customers WHERE id = ANY($1)", ids)
