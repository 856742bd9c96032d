"""Random histories with dates out of order: as of every date the figures hold, and go together.

HISTORIES sets how many (20), HISTORY_SEED which.
"""

import os
import random
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.payments import PaymentMethod, RecordPayment
from tests.factories import Books, make_customer

Owner = asyncpg.Connection
HISTORIES = int(os.environ.get("HISTORIES") or 20)
ACTS = 30
BEGINS = date(2026, 1, 1)
DAYS = 60

# As of each date: what entries and allocations dated by then come to, and what the journal has.
AS_OF = """
    WITH days AS (
        SELECT DISTINCT transaction_date AS day FROM ledger_entries WHERE customer_id = $1
        UNION SELECT accounting_date FROM allocations WHERE customer_id = $1
    )
    SELECT day, entries.debits - used.amount AS pending, entries.credits - used.amount AS advance,
        booked.receivable, booked.advances
    FROM days, LATERAL (
            SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS debits,
                coalesce(-sum(amount) FILTER (WHERE amount < 0), 0) AS credits
            FROM ledger_entries WHERE customer_id = $1 AND transaction_date <= day
        ) entries, LATERAL (
            SELECT coalesce(sum(amount), 0) AS amount
            FROM allocations WHERE customer_id = $1 AND accounting_date <= day
        ) used, LATERAL (
            SELECT coalesce(sum(debit - credit) FILTER (
                    WHERE account = 'ACCOUNTS_RECEIVABLE'), 0) AS receivable,
                coalesce(sum(credit - debit) FILTER (
                    WHERE account = 'CUSTOMER_ADVANCES'), 0) AS advances
            FROM journal_lines WHERE customer_id = $1 AND accounting_date <= day
        ) booked
"""


@dataclass
class History:
    """One customer's books, written in the order of posting and not of dates."""

    books: Books
    customer: UUID
    random: random.Random
    debits: list[UUID] = field(default_factory=list)
    credits: list[UUID] = field(default_factory=list)
    allocations: list[UUID] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def day(self) -> date:
        return BEGINS + timedelta(days=self.random.randrange(DAYS))

    def amount(self) -> Decimal:
        return Decimal(self.random.choice((1, 5, 10, 10, 20, 50)))

    def one_of(self, ids: list[UUID]) -> UUID:
        return self.random.choice(ids or [self.customer])

    async def act(self) -> None:
        name = self.random.choice(("invoice", "pay", "pay", "credit", "allocate", "undo", "undo"))
        try:
            await getattr(self, name)()
        except DomainError:
            self.done[f"{name} refused"] += 1
        else:
            self.done[name] += 1

    async def invoice(self) -> None:
        on = self.day()
        self.debits.append(
            await self.books.invoice(self.customer, str(self.amount()), on=on, due=on)
        )

    async def pay(self) -> None:
        posted = await self.books.post(
            RecordPayment(
                customer_id=self.customer,
                transaction_date=self.day(),
                amount=self.amount(),
                method=PaymentMethod.CASH,
                auto_allocate=self.random.random() < 0.7,
            )
        )
        self.credits.extend(posted.entry_ids)
        self.allocations.extend(posted.allocation_ids)

    async def credit(self) -> None:
        posted = await self.books.post(
            IssueCreditNote(
                customer_id=self.customer,
                transaction_date=self.day(),
                amount=self.amount(),
                reason="Wrong",
                against=self.one_of(self.debits),
            )
        )
        self.credits.extend(posted.entry_ids)
        self.allocations.extend(posted.allocation_ids)

    async def allocate(self) -> None:
        wish = AllocationInput(debit_id=self.one_of(self.debits), amount=Decimal(1))
        posted = await self.books.post(
            Allocate(
                customer_id=self.customer,
                credit_id=self.one_of(self.credits),
                allocations=(wish,),
                accounting_date=self.day(),
            )
        )
        self.allocations.extend(posted.allocation_ids)

    async def undo(self) -> None:
        await self.books.post(
            UndoAllocation(
                customer_id=self.customer,
                allocation_id=self.one_of(self.allocations),
                reason="Wrong",
                accounting_date=self.day(),
            )
        )


@pytest.fixture(scope="module")
def seeds() -> list[int]:
    first = int(os.environ.get("HISTORY_SEED") or secrets.randbits(32))
    print(f"HISTORY_SEED={first}")  # noqa: T201 - shown when a test fails
    return [first + number for number in range(HISTORIES)]


async def test_as_of_every_date_open_amounts_and_control_accounts_hold(
    books: Books, owner: Owner, seeds: list[int]
) -> None:
    """The invariants of single entries are checked after the test, over all histories."""
    done: Counter[str] = Counter()
    for seed in seeds:
        chance = random.Random(seed)  # noqa: S311 - repeated with HISTORY_SEED
        history = History(books, await make_customer(books.database), chance)
        await history.invoice()
        await history.pay()
        for _ in range(ACTS):
            await history.act()
        done += history.done
        for row in await owner.fetch(AS_OF, history.customer):
            assert (row["pending"], row["advance"]) == (row["receivable"], row["advances"]), seed
            assert min(row["pending"], row["advance"]) >= 0, (seed, row["day"])
    tried = {name: done[name] + done[f"{name} refused"] for name in ("undo", "credit", "allocate")}
    for name, count in tried.items():
        assert done[name] > count / 20, done


async def test_what_was_free_again_only_later_is_not_used_before(
    books: Books, owner: Owner
) -> None:
    """Paid on the 20th, undone on the 25th, then a payment dated the 10th."""
    customer = await make_customer(books.database)
    debit = await books.invoice(customer, "100", on=date(2026, 3, 1))
    paid = await books.pay(customer, "100", on=date(2026, 3, 20))
    undo = UndoAllocation(
        customer_id=customer,
        allocation_id=paid.allocation_ids[0],
        reason="Wrong",
        accounting_date=date(2026, 3, 25),
    )
    await books.post(undo)

    posted = await books.pay(customer, "100", on=date(2026, 3, 10))

    dated = await owner.fetchval(
        "SELECT accounting_date FROM allocations WHERE debit_id = $1 AND id = $2",
        debit,
        posted.allocation_ids[0],
    )
    assert dated == date(2026, 3, 25)
