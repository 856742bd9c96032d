"""One effect per key: replays, conflicts, refusals, and two at the same moment."""

import asyncio
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.invoice import LineItem
from app.domain.ledger import PaymentMethod
from app.infra.database import Rollback, Transaction
from app.policies.roles import Role
from app.services.idempotency import input_hash
from app.services.ledger import commands
from app.services.ledger.allocations import Allocate
from app.services.ledger.commands import Command, post_command
from app.services.ledger.credit_notes import IssueCreditNote
from app.services.ledger.inputs import AllocationInput
from app.services.ledger.invoices import PostInvoice
from app.services.ledger.payments import RecordPayment
from app.services.ledger.posting import Posted
from tests.factories import DAY, Books, actor_for, make_customer, make_user, new_key
from tests.invariants import snapshot
from tests.waiting import until_waiting

Owner = asyncpg.Connection


def payment(customer_id: UUID, amount: str = "10") -> RecordPayment:
    return RecordPayment(
        customer_id=customer_id,
        transaction_date=DAY,
        amount=Decimal(amount),
        method=PaymentMethod.CASH,
    )


async def entries_of(owner: Owner, customer_id: UUID) -> int:
    return await owner.fetchval(
        "SELECT count(*) FROM ledger_entries WHERE customer_id = $1", customer_id
    )


async def test_the_same_request_again_is_the_first_result(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    await books.invoice(customer, "10")
    key = new_key()
    first = await books.post(payment(customer), key=key)
    again = await books.post(payment(customer, "10.00"), key=key)
    assert again == replace(first, replayed=True)
    assert await entries_of(owner, customer) == 2
    outcomes = await owner.fetch(
        "SELECT outcome FROM audit_events WHERE subject_id = $1 ORDER BY id", first.entry_ids[0]
    )
    assert [row["outcome"] for row in outcomes] == ["DONE", "REPLAYED"]


async def test_the_key_with_other_input_is_a_conflict(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    await books.post(payment(customer), key=key)
    before = await snapshot(owner)
    note = IssueCreditNote(
        customer_id=customer, transaction_date=DAY, amount=Decimal(10), reason="x"
    )
    for other in (payment(customer, "10.01"), note):
        with pytest.raises(DomainError) as refusal:
            await books.post(other, key=key)
        assert refusal.value.code is ErrorCode.IDEMPOTENCY_CONFLICT
        assert refusal.value.path == ("idempotencyKey",)
    assert await snapshot(owner) == before


async def test_a_key_belongs_to_its_actor(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    await books.post(payment(customer), key=key)
    other = Books(books.database, await actor_for(books.database, Role.ACCOUNTANT))
    assert not (await other.post(payment(customer), key=key)).replayed
    assert await entries_of(owner, customer) == 2


async def test_a_refused_request_does_not_consume_its_key(books: Books) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    too_late = replace(payment(customer), transaction_date=date(2030, 1, 1))
    with pytest.raises(DomainError):
        await books.post(too_late, key=key)
    assert not (await books.post(payment(customer), key=key)).replayed


async def test_a_dry_run_consumes_nothing(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    before = await snapshot(owner)

    async def dry(tx: Transaction) -> Posted:
        raise Rollback(await post_command(tx, books.actor, payment(customer), idempotency_key=key))

    shown = await books.database.run(dry)
    assert len(shown.entries) == 1
    assert await snapshot(owner) == before
    assert not (await books.post(payment(customer), key=key)).replayed


async def test_a_replay_is_authorised_anew(books: Books, owner: Owner) -> None:
    rep = await actor_for(books.database, Role.SALES_REP)
    customer = await make_customer(books.database, assigned_to=rep.user_id)
    key = new_key()
    await Books(books.database, rep).post(payment(customer), key=key)
    heir = await make_user(books.database, Role.SALES_REP)
    await owner.execute("UPDATE customers SET assigned_to = $1 WHERE id = $2", heir, customer)
    with pytest.raises(DomainError) as refusal:
        await Books(books.database, rep).post(payment(customer), key=key)
    assert refusal.value.code is ErrorCode.NOT_FOUND


async def test_a_replay_after_the_customer_was_deleted_is_still_the_first_result(
    books: Books, owner: Owner
) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    first = await books.post(payment(customer), key=key)
    await owner.execute(
        "UPDATE customers SET status = 'DELETED', deleted_at = now() WHERE id = $1", customer
    )
    assert (await books.post(payment(customer), key=key)).entries == first.entries


async def test_twice_at_once_is_one_effect_and_one_replay(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    posted = await asyncio.gather(*(books.post(payment(customer), key=key) for _ in range(8)))
    assert sorted(each.replayed for each in posted) == [False] + [True] * 7
    assert len({each.entries for each in posted}) == 1
    assert await entries_of(owner, customer) == 1


async def test_the_second_executes_when_the_first_rolls_back(books: Books, owner: Owner) -> None:
    customer = await make_customer(books.database)
    key = new_key()
    second: list[asyncio.Task[Posted]] = []

    async def first(tx: Transaction) -> Posted:
        shown = await post_command(tx, books.actor, payment(customer), idempotency_key=key)
        second.append(asyncio.create_task(books.post(payment(customer), key=key)))
        await until_waiting(owner, *second)
        raise Rollback(shown)

    await books.database.run(first)
    assert not (await second[0]).replayed
    assert await entries_of(owner, customer) == 1


def test_the_hash_is_of_what_the_input_means(books: Books) -> None:
    customer = books.actor.user_id
    assert input_hash(payment(customer, "10")) == input_hash(payment(customer, "10.00"))
    assert input_hash(payment(customer, "10")) != input_hash(payment(customer, "100"))
    explicit = replace(payment(customer), auto_allocate=True, allocations=None)
    assert input_hash(explicit) == input_hash(payment(customer))
    assert input_hash(replace(explicit, allocations=())) != input_hash(explicit)
    # What the edge adds is not part of the request: tomorrow it is still the same.
    asked = (AllocationInput(debit_id=customer, amount=Decimal(1)),)
    today = Allocate(
        customer_id=customer, credit_id=customer, allocations=asked, accounting_date=DAY
    )
    assert input_hash(today) == input_hash(replace(today, accounting_date=DAY + timedelta(1)))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("blank", ["", " ", "\u00a0"])
async def test_a_retry_that_means_the_same_is_replayed(books: Books, form: Any, blank: str) -> None:
    """As a spreadsheet or another program may send it again: of every text of every command."""
    customer = await make_customer(books.database)

    def spelt(text: str, *, is_name: bool = False) -> str:
        return blank + (unicodedata.normalize(form, text) if is_name else text) + blank

    def spelt_by(how: Callable[..., str], end: str) -> tuple[Command, ...]:
        common: dict[str, Any] = {
            "customer_id": customer,
            "transaction_date": DAY,
            "external_reference": how("Überweisung 7", is_name=True),
        }
        line = LineItem(description=how("Chair"), quantity=Decimal(1), unit_price=Decimal(9))
        return (
            PostInvoice(line_items=(line,), description=how(f"two{end}lines"), **common),
            IssueCreditNote(amount=Decimal(1), reason=how("Late"), **common),
            RecordPayment(amount=Decimal("1.0"), method=PaymentMethod.CASH, **common),
        )

    plain = spelt_by(lambda text, **_: text, "\n")
    again = spelt_by(spelt, "\r\n")
    for first, retry in zip(plain, again, strict=True):
        key = new_key()
        posted = await books.post(first, key=key)
        assert await books.post(retry, key=key) == replace(posted, replayed=True)


def test_what_is_normal_already_hashes_as_ever() -> None:
    """Keys of before were hashed so."""
    line = LineItem(description="Chair", quantity=Decimal(1), unit_price=Decimal("9.5"))
    invoice = PostInvoice(
        customer_id=UUID(int=7),
        transaction_date=DAY,
        line_items=(replace(line, tax_rate=Decimal("0.19"), discount=Decimal(1)), line),
        description="two\nlines",
        external_reference="A-1",
    )
    for command in (invoice, payment(UUID(int=7))):
        assert input_hash(commands._normal(command, command.draft())) == input_hash(command)
