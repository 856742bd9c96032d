"""Who may post, and to whom: a customer out of sight does not exist."""

import asyncio
from dataclasses import dataclass, replace
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.ledger import PaymentMethod
from app.infra.database import Database
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.policy import Policy
from app.policies.roles import Role
from app.policies.rules import Action, Effect, Rule, shipped_rules
from app.policies.scopes import Scope
from app.services.ledger.allocations import Allocate
from app.services.ledger.commands import post_entries
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from tests.factories import (
    DAY,
    Books,
    actor_of,
    lines_of,
    make_customer,
    make_team,
    make_user,
    new_key,
)
from tests.invariants import snapshot
from tests.waiting import until_waiting

Owner = asyncpg.Connection


@dataclass(frozen=True)
class Sales:
    """A manager who is also a representative, a colleague in the team, and their customers."""

    rep: Actor
    manager: Actor
    own: UUID
    colleagues: UUID
    nobodys: UUID


@pytest.fixture(scope="module")
async def sales(books: Books) -> Sales:
    database: Database = books.database
    manager = await make_user(database, Role.SALES_MANAGER, Role.SALES_REP)
    team = await make_team(database, manager=manager)
    rep = await make_user(database, Role.SALES_REP, team=team)
    colleague = await make_user(database, Role.SALES_REP, team=team)
    return Sales(
        rep=actor_of(rep, Role.SALES_REP, team=team),
        manager=actor_of(manager, Role.SALES_MANAGER, Role.SALES_REP),
        own=await make_customer(database, assigned_to=rep),
        colleagues=await make_customer(database, assigned_to=colleague),
        nobodys=await make_customer(database),
    )


def payment(customer_id: UUID) -> RecordPayment:
    return RecordPayment(
        customer_id=customer_id,
        transaction_date=DAY,
        amount=Decimal(5),
        method=PaymentMethod.CASH,
    )


async def refused(books: Books, actor: Actor, customer_id: UUID) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await Books(books.database, actor).post(payment(customer_id))
    return refusal.value


async def test_a_representative_records_payments_of_own_customers(
    books: Books, sales: Sales
) -> None:
    posted = await Books(books.database, sales.rep).post(payment(sales.own))
    assert posted.customer_id == sales.own


async def test_a_customer_out_of_sight_is_like_one_that_never_was(
    books: Books, sales: Sales, owner: Owner
) -> None:
    before = await snapshot(owner)
    unknown = await refused(books, sales.rep, uuid4())
    for hidden in (sales.colleagues, sales.nobodys):
        error = await refused(books, sales.rep, hidden)
        assert (error.code, error.message, error.path, error.details) == (
            ErrorCode.NOT_FOUND,
            unknown.message,
            unknown.path,
            unknown.details,
        )
    assert await snapshot(owner) == before


async def test_a_customer_in_sight_but_out_of_reach_is_forbidden(
    books: Books, sales: Sales
) -> None:
    error = await refused(books, sales.manager, sales.colleagues)
    assert (error.code, error.path) == (ErrorCode.FORBIDDEN, ("customer",))


@pytest.mark.parametrize(
    "role",
    [
        role
        for role in Role
        if role not in {Role.CONTROLLER, Role.ACCOUNTANT, Role.INTEGRATOR, Role.SALES_REP}
    ],
)
async def test_other_roles_post_nothing(books: Books, sales: Sales, role: Role) -> None:
    actor = actor_of(books.actor.user_id, role, customer=sales.own)
    assert (await refused(books, actor, sales.own)).code is ErrorCode.FORBIDDEN


async def test_who_may_not_read_amounts_posts_none(books: Books, sales: Sales) -> None:
    """What is refused, and what is left open, would tell of those that are there."""
    deny = Rule(
        subject=Role.SALES_REP,
        object="ledger.amount",
        action=Action.READ,
        scope=Scope.ALL,
        effect=Effect.DENY,
    )
    policy = Policy(version=1, rules=(*shipped_rules(), deny))
    grant = compile_grant(policy, user_id=sales.rep.user_id, roles=[Role.SALES_REP])
    error = await refused(books, replace(sales.rep, grant=grant), sales.own)
    assert (error.code, error.path) == (ErrorCode.FORBIDDEN, ("customer",))


async def test_a_representative_posts_no_invoice(books: Books, sales: Sales) -> None:
    command = PostInvoice(customer_id=sales.own, transaction_date=DAY, line_items=lines_of("1"))
    with pytest.raises(DomainError) as refusal:
        await Books(books.database, sales.rep).post(command)
    assert refusal.value.code is ErrorCode.FORBIDDEN


async def test_a_batch_needs_the_right_to_each_of_its_kinds(books: Books, sales: Sales) -> None:
    with pytest.raises(DomainError) as refusal:
        await books.database.run(
            lambda tx: post_entries(tx, sales.rep, [payment(sales.own)], idempotency_key=new_key())
        )
    assert refusal.value.code is ErrorCode.FORBIDDEN


async def test_a_customer_that_moved_away_during_the_wait_is_out_of_sight(
    books: Books, sales: Sales, owner: Owner
) -> None:
    moved = await make_customer(books.database, assigned_to=sales.rep.user_id)
    change = owner.transaction()
    await change.start()
    await owner.execute("SELECT FROM accounts WHERE customer_id = $1 FOR UPDATE", moved)
    task = asyncio.create_task(Books(books.database, sales.rep).post(payment(moved)))
    await until_waiting(owner, task)
    await owner.execute("UPDATE customers SET assigned_to = NULL WHERE id = $1", moved)
    await change.commit()
    with pytest.raises(DomainError) as refusal:
        await task
    assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_an_allocation_of_a_hidden_customer_names_the_credit(
    books: Books, sales: Sales
) -> None:
    credit = (await books.pay(sales.nobodys, "5")).entry_ids[0]
    debit = await books.invoice(sales.nobodys, "5")
    command = Allocate(
        customer_id=uuid4(),
        credit_id=credit,
        allocations=(AllocationInput(debit_id=debit, amount=Decimal(5)),),
        accounting_date=DAY,
    )
    with pytest.raises(DomainError) as refusal:
        await books.post(command)
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.NOT_FOUND, ("credit",))


async def test_nobody_waits_for_a_customer_out_of_sight(
    books: Books, sales: Sales, owner: Owner
) -> None:
    async with owner.transaction():
        await owner.execute("SELECT FROM accounts WHERE customer_id = $1 FOR UPDATE", sales.nobodys)
        assert (await refused(books, sales.rep, sales.nobodys)).code is ErrorCode.NOT_FOUND
