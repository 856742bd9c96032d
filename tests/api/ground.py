"""What bad input is thrown at: one of everything that it could do harm to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg

from app.domain import global_id
from app.domain.ledger import PaymentMethod
from app.policies.roles import Role
from app.services.ledger.allocations import UndoAllocation
from app.services.ledger.payments import RecordPayment
from tests.api.stage import TODAY, Stage, allocation_name, customer_name, entry_name
from tests.factories import DAY, make_customer, make_product, make_year

USED_KEY = "used-key"
# Periods that dates run into, by name. 2022, 2023 and 2024 have all their months open.
STATUSES = {
    "2021-03": "CLOSED",
    "2021-04": "CLOSING",
    "2021-05": "LOCKED",
    "FY2022": "CLOSED",
    "2023-Q2": "LOCKED",
    "FY2024": "CLOSING",
}


@dataclass(frozen=True)
class Ground:
    """The stage, and the names (global ids) of what there is on it."""

    stage: Stage
    names: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.names[name]


async def make_ground(stage: Stage, owner: "asyncpg.Connection[asyncpg.Record]") -> Ground:
    """Customers of several currencies, settled and open entries, products, closed periods."""
    await _close_periods(stage, owner)
    await make_product(stage.database, "USD-1")
    await make_product(stage.database, "EUR-1", currency="EUR")
    await make_product(stage.database, "OLD-1", is_active=False)
    customer = await stage.customer(near=True)
    far = await stage.customer(near=False)
    names = {
        "customer": customer_name(customer),
        "far": customer_name(far),
        "unknown": customer_name(uuid4()),
        "unknown debit": entry_name(customer, uuid4()),
        "unknown allocation": allocation_name(customer, uuid4()),
        "nobody's debit": entry_name(uuid4(), uuid4()),
        "nobody's allocation": allocation_name(uuid4(), uuid4()),
        "rep": stage.people[Role.SALES_REP].name,
        "admin": stage.people[Role.ADMIN].name,
        "rep's e-mail": await owner.fetchval(
            "SELECT email FROM users WHERE id = $1", stage.people[Role.SALES_REP].user_id
        ),
        "unknown user": global_id.encode("User", uuid4()),
        "unknown team": global_id.encode("Team", uuid4()),
        **await _entries(stage, customer),
        **{f"far {name}": it for name, it in (await _entries(stage, far)).items()},
    }
    for currency in ("EUR", "JPY", "KWD"):
        names[currency] = customer_name(await make_customer(stage.database, currency=currency))
    for status in ("DELETED", "MERGED", "ARCHIVED", "SUSPENDED"):
        since = {"deleted_at": datetime.now(UTC)} if status == "DELETED" else {}
        made = await make_customer(stage.database, status=status, **since)
        names[status] = customer_name(made)
    names["empty"] = customer_name(await make_customer(stage.database, code="TAKEN"))
    await _use_key(stage, customer)
    return Ground(stage, names)


async def _close_periods(stage: Stage, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
    for year in (2021, 2022, 2023, 2024):
        assert year < TODAY.year
        await make_year(stage.database, year)
    for name, status in STATUSES.items():
        await owner.execute(
            "UPDATE accounting_periods SET status = $2 WHERE name = $1", name, status
        )


async def _entries(stage: Stage, customer: UUID) -> dict[str, str]:
    """A settled debit, an open one, an open credit, and allocations that stand or are undone."""
    books = stage.books
    settled = await books.invoice(customer, "25", on=date(2026, 1, 1))
    payment = await books.pay(customer, "25")
    debit = await books.invoice(customer, "100")
    passing = await books.pay(customer, "10")
    undo = UndoAllocation(
        customer_id=customer,
        allocation_id=passing.allocation_ids[0],
        reason="Wrong",
        accounting_date=DAY,
    )
    await books.post(undo)
    credit = await books.pay(customer, "40", auto_allocate=False)
    return {
        "settled": entry_name(customer, settled),
        "debit": entry_name(customer, debit),
        "credit": entry_name(customer, credit.entry_ids[0]),
        "allocation": allocation_name(customer, payment.allocation_ids[0]),
        "undone": allocation_name(customer, passing.allocation_ids[0]),
    }


async def _use_key(stage: Stage, customer: UUID) -> None:
    """A payment of the accountant under `USED_KEY`."""
    accountant = stage.people[Role.ACCOUNTANT]
    payment = RecordPayment(
        customer_id=customer,
        transaction_date=DAY,
        amount=Decimal(1),
        method=PaymentMethod.CASH,
        auto_allocate=False,
    )
    await stage.books_of(accountant).post(payment, key=USED_KEY)
