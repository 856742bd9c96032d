"""Whatever is sent, by every mutation there is: no figure of a closed month changes.

CLOSED_ATTEMPTS sets how many attempts at each mutation are made in each of two rounds (10),
CLOSED_SEED which.
"""

import os
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.domain.errors import DomainError
from app.infra.database import Database
from app.policies.roles import Role
from app.schema.root import schema
from app.services.ledger.allocations import UndoAllocation
from app.services.ledger.credit_notes import IssueCreditNote
from tests.api.attempts import ATTEMPTS, Attempt, World
from tests.api.stage import TODAY, Stage, customer_name, make_stage
from tests.factories import make_customer, make_year
from tests.invariants import broken
from tests.serving import Server

Owner = asyncpg.Connection

MANY = int(os.environ.get("CLOSED_ATTEMPTS") or 10)
YEAR = TODAY.year - 1
SHUT = {
    f"{YEAR}-03": "CLOSED",
    f"{YEAR}-04": "LOCKED",
    f"{YEAR}-05": "CLOSED",
    f"{YEAR}-06": "CLOSING",
}
ENDS = [date(YEAR, month, 1) - timedelta(days=1) for month in range(2, 8)]
"""Of each closed month, and of the open ones before them."""
OF_ADMINS = {"saveUser"} | {name for name in ATTEMPTS if name.endswith("Customer")}
FIGURES = """query($id: ID!, $day: Date!, $from: Date!) {
    customer(id: $id) {
        balanceAt(asOf: $day) { pending advance current }
        ageing(asOf: $day) {
            notDue days1To30 days31To60 days61To90 over90 total unappliedCredit
        }
        explainBalance(asOf: $day) {
            balance { pending advance current }
            groups { type count total entries { id number amount transactionDate dueDate } }
        }
        statement(from: $from, to: $day) {
            openingBalance closingBalance
            lines { date description debit credit runningBalance entry { id } }
            ageing { total unappliedCredit }
        }
    }
}"""
JOURNAL = """
SELECT account, sum(debit - credit)::text AS moved FROM journal_lines
WHERE accounting_date <= $1 GROUP BY account ORDER BY account
"""


@pytest.fixture(scope="module")
async def stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    made = await make_stage(database, server, http)
    if YEAR != 2026:
        await make_year(database, YEAR)
    return made


@pytest.fixture
async def world(stage: Stage, owner: Owner) -> AsyncIterator[World]:
    seed = int(os.environ.get("CLOSED_SEED") or secrets.randbits(32))
    print(f"CLOSED_SEED={seed}")  # noqa: T201 - to try again
    chance = random.Random(seed)  # noqa: S311 - repeated with CLOSED_SEED
    customers = [await make_customer(stage.database) for _ in range(3)]
    settled = await make_customer(stage.database)
    await stage.books.invoice(settled, "70", on=date(YEAR, 2, 1))
    await stage.books.pay(settled, "70", on=date(YEAR, 4, 1))
    for customer in customers:
        await _write(stage, customer, chance)
    for name, status in SHUT.items():
        await owner.execute(
            "UPDATE accounting_periods SET status = $2 WHERE name = $1", name, status
        )
    yield World(
        stage=stage,
        owner=owner,
        chance=chance,
        customers=customers,
        settled=settled,
        closed_from=date(YEAR, 3, 1),
        closed_to=date(YEAR, 6, 30),
        today=TODAY,
    )
    assert await broken(owner) == {}


def test_every_mutation_is_tried() -> None:
    assert schema._schema.mutation_type.fields.keys() == ATTEMPTS.keys()


async def test_no_figure_of_a_closed_month_changes(world: World) -> None:
    before = await _figures(world)
    meant: Counter[str] = Counter()
    done: Counter[str] = Counter()
    for _ in range(2):  # years that the first round opens are there in the second
        for mutation, make in ATTEMPTS.items():
            for _ in range(MANY):
                attempt = await make(world, world.chance.choice(world.customers))
                meant[mutation] += attempt.is_meant
                done[mutation] += attempt.is_meant & await _succeeds(world, mutation, attempt)
            assert await _figures(world) == before, mutation
    assert {name for name in ATTEMPTS if not done[name]} == {"login", "refreshToken"}
    assert done.total() > 0.9 * meant.total(), (meant, done)


async def _succeeds(world: World, mutation: str, attempt: Attempt) -> bool:
    input_type = schema._schema.mutation_type.fields[mutation].args["input"].type
    document = f"""mutation($input: {input_type}) {{
        {mutation}(input: $input) {{ userErrors {{ code message path }} }}
    }}"""
    role = Role.ADMIN if mutation in OF_ADMINS else Role.CONTROLLER
    client = world.stage.people[role].client
    reply = await client.ask(document, {"input": attempt.given})
    return reply.field(mutation)["userErrors"] == []


async def _figures(world: World) -> list[Any]:
    """What the API says of every customer as of each end, and what is on every account."""
    client = world.stage.people[Role.CONTROLLER].client
    found: list[Any] = []
    for day in ENDS:
        found.append([tuple(row) for row in await world.owner.fetch(JOURNAL, day)])
        for customer in (*world.customers, world.settled):
            variables = {
                "id": customer_name(customer),
                "day": day.isoformat(),
                "from": date(YEAR, 1, 15).isoformat(),
            }
            reply = await client.ask(FIGURES, variables)
            assert reply.field("customer") is not None
            found.append(reply.body)
    return found


async def _write(stage: Stage, customer: UUID, chance: random.Random) -> None:
    """A history over all months up to today, with allocations of every age, some of them undone."""
    books = stage.books
    first = date(YEAR, 1, 1)
    for _ in range(20):
        on = first + timedelta(days=chance.randrange((min(TODAY, date(YEAR, 12, 31)) - first).days))
        amount = str(chance.choice((7, 40, 119)))
        try:
            match chance.randrange(4):
                case 0 | 1:
                    debit = await books.invoice(customer, amount, on=on)
                    if chance.random() < 0.3:
                        note = IssueCreditNote(
                            customer_id=customer,
                            transaction_date=on,
                            amount=Decimal(1),
                            reason="Late",
                            against=debit,
                        )
                        await books.post(note)
                case _:
                    allocates = chance.random() < 0.7
                    paid = await books.pay(customer, amount, on=on, auto_allocate=allocates)
                    if paid.allocation_ids and chance.random() < 0.2:
                        undo = UndoAllocation(
                            customer_id=customer,
                            allocation_id=paid.allocation_ids[0],
                            reason="Wrong",
                            accounting_date=on,
                        )
                        await books.post(undo)
        except DomainError:
            continue  # nothing to undo there: the next act goes on
