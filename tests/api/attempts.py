"""Attempts at every mutation, with dates before, in and after closed months; right and wrong ones.

An attempt is meant to succeed where its customer, its amounts and its date allow it.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.domain import global_id
from tests.api.stage import Stage, allocation_name, customer_name, entry_name, unused_code
from tests.factories import new_key


@dataclass(frozen=True)
class Attempt:
    """What is sent, and whether it is meant to succeed."""

    given: Mapping[str, Any]
    is_meant: bool = True


@dataclass(frozen=True)
class World:
    """Customers with a history, of whose months those from `closed_from` to `closed_to` are shut.

    `settled` owe nothing, and nothing is owed to them.
    """

    stage: Stage
    owner: "asyncpg.Connection[asyncpg.Record]"
    chance: random.Random
    customers: Sequence[UUID]
    settled: UUID
    closed_from: date
    closed_to: date
    today: date

    def day(self) -> date:
        """In the year before, which may come to be; before the closed months, in them, or after."""
        opens = self.closed_from.replace(month=1, day=1)
        after = self.closed_to + timedelta(days=1)
        spans = (
            (opens - timedelta(days=365), opens),
            (opens, self.closed_from),
            (self.closed_from, self.closed_to),
            (after, self.today),
            (after, self.today),
            (self.today, self.today + timedelta(days=30)),
        )
        first, last = self.chance.choice(spans)
        return first + timedelta(days=self.chance.randint(0, (last - first).days))

    def takes(self, day: date, *, money: bool = False) -> bool:
        """Whether an entry may be of this day: the years up to this one are there."""
        is_early = day <= self.today if money else day.year <= self.today.year
        return day > self.closed_to and is_early

    async def open_items(self, customer: UUID, *, debits: bool) -> list[asyncpg.Record]:
        return await self.owner.fetch(
            "SELECT entry_id, open_amount FROM open_items "
            "WHERE customer_id = $1 AND is_debit = $2 ORDER BY random()",
            customer,
            debits,
        )


Make = Callable[[World, UUID], Awaitable[Attempt]]


async def _login(_world: World, _customer: UUID) -> Attempt:
    return Attempt({"email": "nobody@example.com", "password": "not a password"}, is_meant=False)


async def _refresh(_world: World, _customer: UUID) -> Attempt:
    return Attempt({"refreshToken": "no token"}, is_meant=False)


async def _create_customer(_world: World, _customer: UUID) -> Attempt:
    return Attempt({"code": unused_code(), "businessName": "New", "currency": "USD"})


async def _update_customer(world: World, customer: UUID) -> Attempt:
    given = await _versioned(world, customer)
    terms = world.chance.choice((0, 14, 90))
    return Attempt({**given, "paymentTermsDays": terms, "businessName": unused_code()})


async def _assign_customer(world: World, customer: UUID) -> Attempt:
    to = world.chance.choice((global_id.encode("User", world.stage.colleague), None))
    return Attempt({**await _versioned(world, customer), "assignedTo": to})


async def _delete_customer(world: World, customer: UUID) -> Attempt:
    of = world.chance.choice((customer, world.settled))
    is_meant = of == world.settled and await _status(world, of) == "ACTIVE"
    return Attempt({**await _versioned(world, of), "reason": "Closed down"}, is_meant)


async def _restore_customer(world: World, _customer: UUID) -> Attempt:
    given = await _versioned(world, world.settled)
    return Attempt(given, await _status(world, world.settled) == "DELETED")


async def _post_invoice(world: World, customer: UUID) -> Attempt:
    day = world.day()
    given = {
        **_keyed(customer),
        "transactionDate": day.isoformat(),
        "dueDate": (day + timedelta(days=world.chance.choice((0, 30)))).isoformat(),
        "lineItems": [
            {"description": "Chair", "quantity": "2", "unitPrice": "50", "taxRate": "0.19"}
        ],
    }
    return Attempt(given, world.takes(day))


async def _record_payment(world: World, customer: UUID) -> Attempt:
    day = world.day()
    given: dict[str, Any] = {
        **_keyed(customer),
        "transactionDate": day.isoformat(),
        "amount": str(world.chance.choice((5, 40, 300))),
        "method": "BANK_TRANSFER",
    }
    debits = await world.open_items(customer, debits=True)
    if debits and world.chance.random() < 0.5:
        most = min(Decimal(given["amount"]), debits[0]["open_amount"])
        given["allocations"] = [
            {"debit": entry_name(customer, debits[0]["entry_id"]), "amount": str(most)}
        ]
    return Attempt(given, world.takes(day, money=True))


async def _issue_credit_note(world: World, customer: UUID) -> Attempt:
    day = world.day()
    given = {
        **_keyed(customer),
        "transactionDate": day.isoformat(),
        "amount": "1.19",
        "reason": "Scratched",
    }
    debits = await world.open_items(customer, debits=True)
    if debits and world.chance.random() < 0.7:
        given["against"] = entry_name(customer, debits[0]["entry_id"])
    return Attempt(given, world.takes(day, money=True))


async def _allocate(world: World, customer: UUID) -> Attempt:
    paid = await world.open_items(customer, debits=False)
    debits = await world.open_items(customer, debits=True)
    if not paid or not debits:
        wish = {"debit": entry_name(customer, uuid4()), "amount": "1"}
        given = {"credit": entry_name(customer, uuid4()), "allocations": [wish]}
        return Attempt({**given, "idempotencyKey": new_key()}, is_meant=False)
    most = min(paid[0]["open_amount"], debits[0]["open_amount"])
    is_meant = world.chance.random() < 0.8
    amount = most if is_meant else most + paid[0]["open_amount"]
    given = {
        "credit": entry_name(customer, paid[0]["entry_id"]),
        "allocations": [
            {"debit": entry_name(customer, debits[0]["entry_id"]), "amount": str(amount)}
        ],
    }
    return Attempt({**given, "idempotencyKey": new_key()}, is_meant)


async def _undo_allocation(world: World, customer: UUID) -> Attempt:
    made = await world.owner.fetchrow(
        """
        SELECT id, undoes_id IS NULL AND NOT EXISTS (
            SELECT FROM allocations AS mirror WHERE mirror.undoes_id = allocations.id
        ) AS stands
        FROM allocations WHERE customer_id = $1 ORDER BY random() LIMIT 1
        """,
        customer,
    )
    name = allocation_name(customer, made["id"] if made else uuid4())
    given = {"allocation": name, "idempotencyKey": new_key(), "reason": "Wrong invoice"}
    return Attempt(given, bool(made and made["stands"]))


async def _save_product(_world: World, _customer: UUID) -> Attempt:
    return Attempt({"sku": unused_code(), "name": "Desk", "unitPrice": "9", "currency": "USD"})


async def _create_fiscal_year(world: World, _customer: UUID) -> Attempt:
    """One next to the calendar, on either side; or one that is there, or that leaves a gap."""
    first: date = await world.owner.fetchval(
        "SELECT min(lower(during)) FROM accounting_periods WHERE type = 'MONTHLY'"
    )
    after = await world.stage.next_year()
    good = first.replace(year=first.year - 1), after
    day = world.chance.choice((*good, first, after.replace(year=after.year + 2)))
    return Attempt({"startsOn": day.isoformat()}, day in good)


async def _save_user(_world: World, _customer: UUID) -> Attempt:
    given = {"email": f"{unused_code().lower()}@example.com", "name": "Edsger"}
    return Attempt({**given, "roles": ["AUDITOR"], "password": "a long enough password"})


async def _run_reconciliation(_world: World, customer: UUID) -> Attempt:
    return Attempt({"customers": [customer_name(customer)], "incremental": False})


def _keyed(customer: UUID) -> dict[str, Any]:
    return {"customer": customer_name(customer), "idempotencyKey": new_key()}


async def _versioned(world: World, customer: UUID) -> dict[str, Any]:
    version = await world.owner.fetchval("SELECT version FROM customers WHERE id = $1", customer)
    return {"id": customer_name(customer), "expectedVersion": version}


async def _status(world: World, customer: UUID) -> str:
    status: str = await world.owner.fetchval("SELECT status FROM customers WHERE id = $1", customer)
    return status


ATTEMPTS: Mapping[str, Make] = {
    "login": _login,
    "refreshToken": _refresh,
    "createCustomer": _create_customer,
    "updateCustomer": _update_customer,
    "assignCustomer": _assign_customer,
    "deleteCustomer": _delete_customer,
    "restoreCustomer": _restore_customer,
    "postInvoice": _post_invoice,
    "recordPayment": _record_payment,
    "issueCreditNote": _issue_credit_note,
    "allocate": _allocate,
    "undoAllocation": _undo_allocation,
    "saveProduct": _save_product,
    "createFiscalYear": _create_fiscal_year,
    "saveUser": _save_user,
    "runReconciliation": _run_reconciliation,
}
