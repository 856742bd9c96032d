"""Every refusal is typed, names its input, and changes nothing at all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod
from app.services.ledger.allocations import Allocate, UndoAllocation
from app.services.ledger.commands import Command, post_entries
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from tests.factories import DAY, Books, lines_of, make_customer, make_product, make_year, new_key
from tests.invariants import snapshot

Owner = asyncpg.Connection
SHUT = {"2025-07": "CLOSING", "2025-08": "CLOSED", "2025-09": "LOCKED", "2025-Q4": "LOCKED"}


@dataclass(frozen=True)
class Scene:
    """A customer with something open, something settled, and another customer, with old entries."""

    customer: UUID
    debit: UUID
    settled: UUID
    credit: UUID
    allocation: UUID
    undone: UUID
    mirror: UUID
    foreign_debit: UUID
    other: UUID
    old_debit: UUID
    old_credit: UUID
    old_allocation: UUID
    deleted: UUID
    merged: UUID
    archived: UUID


@pytest.fixture(scope="module")
async def scene(books: Books, database_url: str) -> Scene:
    database = books.database
    customer = await make_customer(database)
    other = await make_customer(database)
    settled = await books.invoice(customer, "10")
    paid = await books.pay(customer, "10")
    credit = (await books.pay(customer, "40")).entry_ids[0]
    debit = await books.invoice(customer, "100")

    async def allocate() -> UUID:
        asked = AllocationInput(debit_id=debit, amount=Decimal(1))
        command = Allocate(
            customer_id=customer, credit_id=credit, allocations=(asked,), accounting_date=DAY
        )
        return (await books.post(command)).allocation_ids[0]

    undone = await allocate()
    undo = UndoAllocation(
        customer_id=customer, allocation_id=undone, reason="Wrong", accounting_date=DAY
    )
    mirror = (await books.post(undo)).allocation_ids[0]
    await make_year(database, 2025)
    old_debit = await books.invoice(other, "10", on=date(2025, 7, 1))
    old_paid = await books.pay(other, "2", on=date(2025, 7, 2))
    old_credit = await books.pay(other, "2", on=date(2025, 7, 3), auto_allocate=False)
    await make_product(database, "EUR", currency="EUR")
    await make_product(database, "OLD", is_active=False)
    deleted = await make_customer(database)
    statuses = {name: await make_customer(database) for name in ("MERGED", "ARCHIVED")}
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "UPDATE customers SET status = 'DELETED', deleted_at = now() WHERE id = $1", deleted
    )
    for status, id_ in statuses.items():
        await connection.execute("UPDATE customers SET status = $1 WHERE id = $2", status, id_)
    for period, status in SHUT.items():
        await connection.execute(
            "UPDATE accounting_periods SET status = $1 WHERE name = $2", status, period
        )
    await connection.close()
    return Scene(
        customer=customer,
        debit=debit,
        settled=settled,
        credit=credit,
        allocation=paid.allocation_ids[0],
        undone=undone,
        mirror=mirror,
        other=other,
        old_debit=old_debit,
        old_credit=old_credit.entry_ids[0],
        old_allocation=old_paid.allocation_ids[0],
        foreign_debit=await books.invoice(other, "10"),
        deleted=deleted,
        merged=statuses["MERGED"],
        archived=statuses["ARCHIVED"],
    )


def invoice(scene: Scene, **changes: Any) -> PostInvoice:
    command = PostInvoice(
        customer_id=scene.customer, transaction_date=DAY, line_items=lines_of("10")
    )
    return replace(command, **changes)


def payment(scene: Scene, **changes: Any) -> RecordPayment:
    command = RecordPayment(
        customer_id=scene.customer,
        transaction_date=DAY,
        amount=Decimal(10),
        method=PaymentMethod.CASH,
    )
    return replace(command, **changes)


def naming(debit: UUID, amount: str) -> dict[str, Any]:
    return {"allocations": (AllocationInput(debit_id=debit, amount=Decimal(amount)),)}


def credit_note(scene: Scene, **changes: Any) -> IssueCreditNote:
    command = IssueCreditNote(
        customer_id=scene.customer, transaction_date=DAY, amount=Decimal(10), reason="Damaged"
    )
    return replace(command, **changes)


def allocate(scene: Scene, **changes: Any) -> Allocate:
    command = Allocate(
        customer_id=scene.customer,
        credit_id=scene.credit,
        accounting_date=DAY,
        **naming(scene.debit, "10"),
    )
    return replace(command, **changes)


def undo(scene: Scene, **changes: Any) -> UndoAllocation:
    command = UndoAllocation(
        customer_id=scene.customer,
        allocation_id=scene.allocation,
        reason="Wrong",
        accounting_date=DAY,
    )
    return replace(command, **changes)


def line(**changes: Any) -> dict[str, Any]:
    item = LineItem(description="x", quantity=Decimal(1), unit_price=Decimal(1))
    return {"line_items": (item, replace(item, **changes))}


Make = Callable[[Scene], Command]
E = ErrorCode
REFUSALS: dict[str, tuple[Make, ErrorCode, str]] = {
    "NUL": (lambda s: invoice(s, description="a\0"), E.VALIDATION, "description"),
    "1 MB": (lambda s: invoice(s, description="a" * 10**6), E.VALIDATION, "description"),
    "long reference": (
        lambda s: payment(s, external_reference="x" * 101),
        E.VALIDATION,
        "externalReference",
    ),
    "blank reason": (lambda s: credit_note(s, reason=" "), E.VALIDATION, "reason"),
    "no line items": (lambda s: invoice(s, line_items=()), E.VALIDATION, "lineItems"),
    "10,000 line items": (
        lambda s: invoice(s, line_items=lines_of("1") * 10_000),
        E.VALIDATION,
        "lineItems",
    ),
    "neither sku nor description": (
        lambda s: invoice(s, **line(description=None)),
        E.VALIDATION,
        "lineItems.1",
    ),
    "unknown sku": (lambda s: invoice(s, **line(sku="NO")), E.NOT_FOUND, "lineItems.1.sku"),
    "sku in another currency": (
        lambda s: invoice(s, **line(sku="EUR")),
        E.CURRENCY_MISMATCH,
        "lineItems.1.sku",
    ),
    "sku no longer sold": (
        lambda s: invoice(s, **line(sku="OLD")),
        E.INVALID_STATE,
        "lineItems.1.sku",
    ),
    "zero quantity": (
        lambda s: invoice(s, **line(quantity=Decimal(0))),
        E.VALIDATION,
        "lineItems.1.quantity",
    ),
    "discount with too many decimals": (
        lambda s: invoice(s, **line(discount=Decimal("0.001"))),
        E.VALIDATION,
        "lineItems.1.discount",
    ),
    "lines that come to nothing": (
        lambda s: invoice(s, line_items=lines_of("0")),
        E.VALIDATION,
        "lineItems",
    ),
    "due before its date": (
        lambda s: invoice(s, due_date=date(2026, 3, 9)),
        E.VALIDATION,
        "dueDate",
    ),
    "year 1": (
        lambda s: invoice(s, transaction_date=date(1, 1, 1)),
        E.VALIDATION,
        "transactionDate",
    ),
    "year 9999": (lambda s: invoice(s, due_date=date(9999, 1, 1)), E.VALIDATION, "dueDate"),
    "another currency": (lambda s: payment(s, currency="EUR"), E.CURRENCY_MISMATCH, "currency"),
    "zero": (lambda s: payment(s, amount=Decimal(0)), E.VALIDATION, "amount"),
    "negative": (lambda s: payment(s, amount=Decimal(-1)), E.VALIDATION, "amount"),
    "too many decimals": (lambda s: payment(s, amount=Decimal("0.001")), E.VALIDATION, "amount"),
    "absurdly many decimals": (
        lambda s: payment(s, amount=Decimal("1E-1000000")),
        E.VALIDATION,
        "amount",
    ),
    "too large": (lambda s: payment(s, amount=Decimal(10) ** 15), E.VALIDATION, "amount"),
    "no number": (lambda s: payment(s, amount=Decimal("NaN")), E.VALIDATION, "amount"),
    "paid on account": (
        lambda s: payment(s, method=PaymentMethod.ACCOUNT),
        E.VALIDATION,
        "method",
    ),
    "unknown customer": (lambda s: payment(s, customer_id=uuid4()), E.NOT_FOUND, "customer"),
    "deleted": (lambda s: payment(s, customer_id=s.deleted), E.CUSTOMER_DELETED, "customer"),
    "merged": (lambda s: payment(s, customer_id=s.merged), E.CUSTOMER_MERGED, "customer"),
    "archived": (lambda s: payment(s, customer_id=s.archived), E.INVALID_STATE, "customer"),
    "no period": (
        lambda s: invoice(s, transaction_date=date(2099, 1, 1)),
        E.PERIOD_MISSING,
        "transactionDate",
    ),
    "money that is yet to come, where no period is": (
        lambda s: payment(s, transaction_date=date(2099, 1, 1)),
        E.VALIDATION,
        "transactionDate",
    ),
    "a note that is yet to come, where no period is": (
        lambda s: credit_note(s, transaction_date=date(2099, 1, 1)),
        E.VALIDATION,
        "transactionDate",
    ),
    "closing": (
        lambda s: payment(s, transaction_date=date(2025, 7, 1)),
        E.PERIOD_CLOSED,
        "transactionDate",
    ),
    "closed": (
        lambda s: payment(s, transaction_date=date(2025, 8, 31)),
        E.PERIOD_CLOSED,
        "transactionDate",
    ),
    "locked": (
        lambda s: payment(s, transaction_date=date(2025, 9, 30)),
        E.PERIOD_LOCKED,
        "transactionDate",
    ),
    "locked quarter around an open month": (
        lambda s: payment(s, transaction_date=date(2025, 10, 1)),
        E.PERIOD_LOCKED,
        "transactionDate",
    ),
    "an open month before what is shut": (
        lambda s: invoice(s, transaction_date=date(2025, 6, 30)),
        E.PERIOD_CLOSED,
        "transactionDate",
    ),
    "more than the debit has open": (
        lambda s: payment(s, amount=Decimal(500), **naming(s.debit, "100.01")),
        E.AMOUNT_EXCEEDS_OPEN,
        "allocations.0.amount",
    ),
    "more than the credit has": (
        lambda s: payment(s, **naming(s.debit, "10.01")),
        E.AMOUNT_EXCEEDS_OPEN,
        "allocations.0.amount",
    ),
    "a settled debit": (
        lambda s: payment(s, **naming(s.settled, "0.01")),
        E.AMOUNT_EXCEEDS_OPEN,
        "allocations.0.amount",
    ),
    "another customer's debit": (
        lambda s: payment(s, **naming(s.foreign_debit, "1")),
        E.NOT_FOUND,
        "allocations.0.debit",
    ),
    "a credit as debit": (
        lambda s: payment(s, **naming(s.credit, "1")),
        E.NOT_FOUND,
        "allocations.0.debit",
    ),
    "an allocation of nothing": (
        lambda s: payment(s, **naming(s.debit, "0")),
        E.VALIDATION,
        "allocations.0.amount",
    ),
    "an allocation of too many decimals": (
        lambda s: payment(s, **naming(s.debit, "0.001")),
        E.VALIDATION,
        "allocations.0.amount",
    ),
    "against nothing": (lambda s: credit_note(s, against=uuid4()), E.NOT_FOUND, "against"),
    "against another customer's": (
        lambda s: credit_note(s, against=s.foreign_debit),
        E.NOT_FOUND,
        "against",
    ),
    "against a credit": (lambda s: credit_note(s, against=s.credit), E.NOT_FOUND, "against"),
    "no such credit": (lambda s: allocate(s, credit_id=uuid4()), E.NOT_FOUND, "credit"),
    "a debit as credit": (lambda s: allocate(s, credit_id=s.debit), E.NOT_FOUND, "credit"),
    "no allocations": (lambda s: allocate(s, allocations=()), E.VALIDATION, "allocations"),
    "more than the credit has open": (
        lambda s: allocate(s, **naming(s.debit, "40.01")),
        E.AMOUNT_EXCEEDS_OPEN,
        "allocations.0.amount",
    ),
    "allocation into a locked period": (
        lambda s: allocate(
            s,
            customer_id=s.other,
            credit_id=s.old_credit,
            accounting_date=date(2025, 9, 1),
            **naming(s.old_debit, "1"),
        ),
        E.PERIOD_LOCKED,
        "allocations.0",
    ),
    "no such allocation": (lambda s: undo(s, allocation_id=uuid4()), E.NOT_FOUND, "allocation"),
    "undone already": (
        lambda s: undo(s, allocation_id=s.undone),
        E.INVALID_STATE,
        "allocation",
    ),
    "undoing an undoing": (
        lambda s: undo(s, allocation_id=s.mirror),
        E.INVALID_STATE,
        "allocation",
    ),
    "undoing in a closed period": (
        lambda s: undo(
            s,
            customer_id=s.other,
            allocation_id=s.old_allocation,
            accounting_date=date(2025, 8, 1),
        ),
        E.PERIOD_CLOSED,
        "allocation",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_refused_and_nothing_written(
    books: Books, scene: Scene, owner: Owner, name: str
) -> None:
    make, code, path = REFUSALS[name]
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await books.post(make(scene))
    assert (refusal.value.code, ".".join(refusal.value.path)) == (code, path)
    assert await snapshot(owner) == before


@pytest.mark.parametrize("key", ["", "x" * 201, "a\0b", "a\nb", " a"])
async def test_a_bad_key_is_refused(books: Books, scene: Scene, owner: Owner, key: str) -> None:
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await books.database.run(lambda tx: _post(books, tx, payment(scene), key))
    assert (refusal.value.code, refusal.value.path) == (E.VALIDATION, ("idempotencyKey",))
    assert await snapshot(owner) == before


async def _post(books: Books, tx: Any, command: Command, key: str) -> Any:
    return await post_entries(tx, books.actor, [command], idempotency_key=key)


async def test_one_bad_entry_refuses_the_batch_and_is_named(
    books: Books, scene: Scene, owner: Owner
) -> None:
    before = await snapshot(owner)
    commands = [payment(scene), invoice(scene, **line(sku="NO")), payment(scene)]
    with pytest.raises(DomainError) as refusal:
        await books.database.run(
            lambda tx: post_entries(tx, books.actor, commands, idempotency_key=new_key())
        )
    assert refusal.value.path == ("entries", "1", "invoice", "lineItems", "1", "sku")
    assert await snapshot(owner) == before


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_has_between_1_and_1000_entries(
    books: Books, scene: Scene, count: int
) -> None:
    with pytest.raises(DomainError) as refusal:
        await books.database.run(
            lambda tx: post_entries(
                tx, books.actor, [payment(scene)] * count, idempotency_key=new_key()
            )
        )
    assert refusal.value.path == ("entries",)
