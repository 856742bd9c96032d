"""Products: saved by sku; what was sold keeps its currency."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from app.domain.errors import DomainError, ErrorCode
from app.domain.invoice import LineItem
from app.infra.database import Database, Transaction
from app.policies.roles import Role
from app.services.ledger.commands import post_command
from app.services.ledger.invoices import PostInvoice
from app.services.products import SaveProduct, save_product
from tests.factories import DAY, actor_for, make_customer, new_key, open_books
from tests.invariants import snapshot
from tests.waiting import until_waiting

Owner = asyncpg.Connection
BOLT = SaveProduct(sku="BOLT", name="Bolt", unit_price=Decimal("0.125"), currency="USD")


async def test_a_product_is_created_and_then_changed(database: Database, owner: Owner) -> None:
    actor = await actor_for(database, Role.ACCOUNTANT)
    first = replace(BOLT, sku="NUT", cost=Decimal("0.1"), stock_on_hand=Decimal(7))
    product = await database.run(lambda tx: save_product(tx, actor, first))
    second = replace(BOLT, sku="NUT", name="Nut M8", tax_rate=Decimal("0.07"), is_active=False)
    assert await database.run(lambda tx: save_product(tx, actor, second)) == product
    row = await owner.fetchrow("SELECT * FROM products WHERE id = $1", product)
    assert (row["name"], row["is_active"], str(row["tax_rate"])) == ("Nut M8", False, "0.0700")
    assert (str(row["cost"]), str(row["stock_on_hand"])) == ("0.1000", "7.0000")
    assert (
        await owner.fetchval("SELECT count(*) FROM audit_events WHERE subject_id = $1", product)
        == 2
    )


CHANGES: dict[str, Any] = {
    "tax_rate": Decimal("0.07"),
    "cost": Decimal("0.1"),
    "stock_on_hand": Decimal(7),
    "is_active": False,
}


async def test_what_is_left_out_of_a_product_stays(database: Database, owner: Owner) -> None:
    actor = await actor_for(database, Role.ACCOUNTANT)
    product = await database.run(
        lambda tx: save_product(tx, actor, replace(BOLT, sku="FULL", **CHANGES))
    )
    before = await owner.fetchrow("SELECT * FROM products WHERE id = $1", product)
    dearer = replace(BOLT, sku="FULL", unit_price=Decimal("0.25"))
    await database.run(lambda tx: save_product(tx, actor, dearer))
    after = await owner.fetchrow("SELECT * FROM products WHERE id = $1", product)
    assert dict(after) == dict(before) | {"unit_price": Decimal("0.2500"), "version": 2}
    emptied = replace(dearer, cost=None)
    await database.run(lambda tx: save_product(tx, actor, emptied))
    assert await owner.fetchval("SELECT cost FROM products WHERE id = $1", product) is None


async def test_of_two_who_read_the_same_version_the_second_is_told(database: Database) -> None:
    actor = await actor_for(database, Role.ACCOUNTANT)
    await database.run(lambda tx: save_product(tx, actor, replace(BOLT, sku="RACE")))
    answers = await asyncio.gather(
        *(
            database.run(
                lambda tx, n=n: save_product(
                    tx, actor, replace(BOLT, sku="RACE", name=f"Bolt {n}", expected_version=1)
                )
            )
            for n in range(4)
        ),
        return_exceptions=True,
    )
    refused = [each for each in answers if isinstance(each, DomainError)]
    assert [each.code for each in refused] == [ErrorCode.CONFLICT] * 3


async def test_two_at_once_make_one_product(database: Database) -> None:
    actor = await actor_for(database)
    command = replace(BOLT, sku="TWIN")
    made = await asyncio.gather(
        *(database.run(lambda tx: save_product(tx, actor, command)) for _ in range(4))
    )
    assert len(set(made)) == 1


async def test_an_unsold_product_may_change_its_currency(database: Database) -> None:
    actor = await actor_for(database)
    for currency in ("USD", "EUR"):
        command = replace(BOLT, sku="NEW", currency=currency)
        await database.run(lambda tx, command=command: save_product(tx, actor, command))


async def test_a_product_cannot_change_its_currency_while_it_is_sold(
    database: Database, owner: Owner
) -> None:
    books = await open_books(database)
    customer = await make_customer(database)
    await database.run(lambda tx: save_product(tx, books.actor, BOLT))
    line = LineItem(sku="BOLT", quantity=Decimal(8), unit_price=Decimal("0.125"))
    invoice = PostInvoice(customer_id=customer, transaction_date=DAY, line_items=(line,))
    in_euro = replace(BOLT, currency="EUR")
    change: list[asyncio.Task[Any]] = []

    async def selling(tx: Transaction) -> None:
        await post_command(tx, books.actor, invoice, idempotency_key=new_key())
        change.append(
            asyncio.create_task(database.run(lambda tx: save_product(tx, books.actor, in_euro)))
        )
        await until_waiting(owner, *change)

    await database.run(selling)
    with pytest.raises(DomainError) as refusal:
        await change[0]
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.INVALID_STATE, ("currency",))


async def test_a_product_is_not_sold_at_the_currency_it_is_losing(
    database: Database, owner: Owner
) -> None:
    books = await open_books(database)
    customer = await make_customer(database)
    product = replace(BOLT, sku="SCREW")
    await database.run(lambda tx: save_product(tx, books.actor, product))
    line = LineItem(sku="SCREW", quantity=Decimal(8), unit_price=Decimal("0.125"))
    invoice = PostInvoice(customer_id=customer, transaction_date=DAY, line_items=(line,))
    sale: list[asyncio.Task[Any]] = []

    async def changing(tx: Transaction) -> None:
        await save_product(tx, books.actor, replace(product, currency="EUR"))
        sale.append(asyncio.create_task(books.post(invoice)))
        await until_waiting(owner, *sale)

    await database.run(changing)
    with pytest.raises(DomainError) as refusal:
        await sale[0]
    assert refusal.value.code is ErrorCode.CURRENCY_MISMATCH


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"sku": ""}, "sku"),
        ({"sku": "x" * 65}, "sku"),
        ({"name": "\0"}, "name"),
        ({"unit_price": Decimal(-1)}, "unitPrice"),
        ({"unit_price": Decimal("0.00001")}, "unitPrice"),
        ({"unit_price": Decimal("NaN")}, "unitPrice"),
        ({"currency": "USX"}, "currency"),
        ({"tax_rate": Decimal(19)}, "taxRate"),
        ({"cost": Decimal(-1)}, "cost"),
    ],
)
async def test_bad_input_is_named(
    database: Database, owner: Owner, change: dict[str, Any], path: str
) -> None:
    actor = await actor_for(database)
    before = await snapshot(owner)
    with pytest.raises(DomainError) as refusal:
        await database.run(lambda tx: save_product(tx, actor, replace(BOLT, **change)))
    assert (refusal.value.code, refusal.value.path) == (ErrorCode.VALIDATION, (path,))
    assert await snapshot(owner) == before
