"""Postings at the same moment, committed for real: nothing twice, nothing lost, no deadlock."""

import asyncio
import random
from decimal import Decimal
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.ledger import PaymentMethod
from app.infra.database import Transaction
from app.policies.roles import Role
from app.services.customers.delete import DeleteCustomer, delete_customer
from app.services.ledger.commands import post_entries
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.payments import RecordPayment
from app.services.ledger.posting import Posted
from app.services.locks import LOCK_GATE
from tests.factories import DAY, Books, actor_for, make_customer, new_key
from tests.waiting import until_waiting

Owner = asyncpg.Connection


def payment(customer_id: UUID, amount: str, debit: UUID | None = None) -> RecordPayment:
    asked = (AllocationInput(debit_id=debit, amount=Decimal(amount)),) if debit else None
    return RecordPayment(
        customer_id=customer_id,
        transaction_date=DAY,
        amount=Decimal(amount),
        method=PaymentMethod.CASH,
        allocations=asked,
    )


async def test_two_payments_cannot_both_have_the_last_hundred(books: Books) -> None:
    customer = await make_customer(books.database)
    debit = await books.invoice(customer, "100")
    outcomes = await asyncio.gather(
        *(books.post(payment(customer, "60", debit)) for _ in range(6)), return_exceptions=True
    )
    refused = [each for each in outcomes if isinstance(each, DomainError)]
    assert len(refused) == 5
    assert {each.code for each in refused} == {ErrorCode.AMOUNT_EXCEEDS_OPEN}


async def test_payments_at_once_settle_each_invoice_once(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    for _ in range(4):
        await books.invoice(customer, "25")
    await asyncio.gather(*(books.post(payment(customer, "10")) for _ in range(12)))
    row = await owner.fetchrow(
        "SELECT pending, advance FROM accounts WHERE customer_id = $1", customer
    )
    assert tuple(row) == (Decimal("0.00"), Decimal("20.00"))


async def test_a_posting_that_waited_sees_what_the_other_committed(
    books: Books, owner: Owner
) -> None:
    """The lock statement's snapshot is older than its wait: the read must have one of its own."""
    customer = await make_customer(books.database)
    debit = await books.invoice(customer, "100")
    second: list[asyncio.Task[Posted]] = []

    async def first(tx: Transaction) -> None:
        await post_entries(tx, books.actor, [payment(customer, "100")], idempotency_key=new_key())
        second.append(asyncio.create_task(books.post(payment(customer, "100", debit))))
        await until_waiting(owner, *second)

    await books.database.run(first)
    with pytest.raises(DomainError) as refusal:
        await second[0]
    assert refusal.value.code is ErrorCode.AMOUNT_EXCEEDS_OPEN


async def test_a_customer_is_deleted_or_posted_to_but_not_both(books: Books) -> None:
    admin = await actor_for(books.database, Role.ADMIN)
    for _ in range(10):
        customer = await make_customer(books.database)
        command = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed")
        posted, deleted = await asyncio.gather(
            books.post(payment(customer, "1")),
            books.database.run(lambda tx: delete_customer(tx, admin, command)),  # noqa: B023 - awaited in the loop
            return_exceptions=True,
        )
        assert isinstance(posted, DomainError) != isinstance(deleted, DomainError)
        codes = {each.code for each in (posted, deleted) if isinstance(each, DomainError)}
        assert codes <= {ErrorCode.CUSTOMER_DELETED, ErrorCode.CUSTOMER_NOT_EMPTY}


async def test_a_posting_that_began_first_holds_up_the_deletion(books: Books, owner: Owner) -> None:
    admin = await actor_for(books.database, Role.ADMIN)
    customer = await make_customer(books.database)
    command = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed")
    deletion: list[asyncio.Task[UUID]] = []

    async def posting(tx: Transaction) -> None:
        await post_entries(tx, books.actor, [payment(customer, "1")], idempotency_key=new_key())
        deletion.append(
            asyncio.create_task(books.database.run(lambda tx: delete_customer(tx, admin, command)))
        )
        await until_waiting(owner, *deletion)

    await books.database.run(posting)
    with pytest.raises(DomainError) as refusal:
        await deletion[0]
    assert refusal.value.code is ErrorCode.CUSTOMER_NOT_EMPTY


async def test_batches_that_cross_do_not_deadlock(books: Books, owner: Owner) -> None:
    customers = [await make_customer(books.database) for _ in range(12)]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await owner.fetchval(deadlocks)
    order = random.Random(7)  # noqa: S311 - the same order every time

    async def batch() -> None:
        chosen = order.sample(customers, 8)
        commands = [payment(customer, "1") for customer in chosen]
        async with books.database.transaction() as tx:
            await post_entries(tx, books.actor, commands, idempotency_key=new_key())

    await asyncio.gather(*(batch() for _ in range(40)))
    await owner.execute("SELECT pg_stat_clear_snapshot()")
    assert await owner.fetchval(deadlocks) == before


async def test_accounts_are_locked_in_the_order_of_their_ids(books: Books, owner: Owner) -> None:
    first, second = sorted([await make_customer(books.database) for _ in range(2)])
    holder = owner.transaction()
    await holder.start()
    await owner.execute("SELECT FROM accounts WHERE customer_id = $1 FOR UPDATE", first)
    commands = [payment(second, "1"), payment(first, "1")]
    task = asyncio.create_task(
        books.database.run(
            lambda tx: post_entries(tx, books.actor, commands, idempotency_key=new_key())
        )
    )
    await until_waiting(owner, task)
    # The waiter holds nothing that comes after what it waits for.
    free = await owner.fetchval(
        "SELECT count(*) FROM (SELECT FROM accounts WHERE customer_id = $1 FOR UPDATE SKIP LOCKED)",
        second,
    )
    await holder.rollback()
    await task
    assert free == 1


async def test_a_period_being_closed_keeps_postings_out_until_it_is(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    task: list[asyncio.Task[Posted]] = []

    async def closing(tx: Transaction) -> None:
        await tx.fetchval(LOCK_GATE)
        task.append(asyncio.create_task(books.post(payment(customer, "1"))))
        await until_waiting(owner, *task)
        # The posting waits at the gate, before it holds any account.
        await tx.connection.execute(
            "SELECT FROM accounts WHERE customer_id = $1 FOR UPDATE NOWAIT", customer
        )
        await tx.connection.execute(
            "UPDATE accounting_periods SET status = 'CLOSED' WHERE name = '2026-03'"
        )

    await books.database.run(closing)
    with pytest.raises(DomainError) as refusal:
        await task[0]
    await owner.execute("UPDATE accounting_periods SET status = 'OPEN' WHERE name = '2026-03'")
    assert refusal.value.code is ErrorCode.PERIOD_CLOSED


async def test_a_posting_keeps_a_period_from_being_closed(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)

    async def posting(tx: Transaction) -> None:
        await post_entries(tx, books.actor, [payment(customer, "1")], idempotency_key=new_key())
        got = await owner.fetchval("SELECT pg_try_advisory_xact_lock(7220, 1)")
        assert not got

    await books.database.run(posting)
