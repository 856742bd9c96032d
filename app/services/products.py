"""Products: created or changed by their sku."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from app.domain import invoice, money, text
from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services import audit

MAX_SKU = 64


@dataclass(frozen=True, kw_only=True)
class SaveProduct:
    """`cost` and `stock_on_hand` stay as they are when None; prices have at most four decimals."""

    sku: str
    name: str
    unit_price: Decimal
    currency: str
    tax_rate: Decimal = Decimal(0)
    cost: Decimal | None = None
    stock_on_hand: Decimal | None = None
    is_active: bool = True


async def save_product(tx: Transaction, actor: Actor, command: SaveProduct) -> UUID:
    """The product's id. Raises Forbidden, Invalid, and INVALID_STATE for a used product's currency.

    A posting holds the products that it prices by, so none can be sold while its currency changes.
    """
    actor.require("Mutation.saveProduct")
    values = {
        "sku": text.identifier(command.sku, "sku", maximum=MAX_SKU),
        "name": text.required(command.name, "name"),
        "unit_price": invoice.four_decimals(command.unit_price, "unitPrice"),
        "currency": money.currency(command.currency, "currency"),
        "tax_rate": invoice.fraction(command.tax_rate, "taxRate"),
        "cost": _four_decimals(command.cost, "cost"),
        "stock_on_hand": _four_decimals(command.stock_on_hand, "stockOnHand"),
        "is_active": command.is_active,
    }
    before = await tx.fetchrow(_LOCK, sku=values["sku"])
    is_unused = (
        before is not None
        and before["currency"] != values["currency"]
        and not await tx.fetchval(_IS_USED, product_id=before["id"])
    )
    after = await tx.fetchrow(_SAVE, **values, may_change_currency=is_unused)
    if after is None:
        raise DomainError(
            ErrorCode.INVALID_STATE,
            "The currency of a product that was sold cannot change: make a new product.",
            path=("currency",),
        )
    await audit.record(
        tx,
        actor,
        "saveProduct",
        subject=audit.Subject(type="Product", id=after["id"]),
        before=before and _audited(before),
        after=_audited(after),
    )
    return UUID(str(after["id"]))


def _four_decimals(number: Decimal | None, *path: str) -> Decimal | None:
    return None if number is None else invoice.four_decimals(number, *path)


def _audited(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(it) if isinstance(it, Decimal) else it for name, it in row.items()}


_LOCK = Statement(
    sql("""
    SELECT id, sku, name, unit_price, currency, tax_rate, cost, stock_on_hand, is_active
    FROM products WHERE sku = CAST(:sku AS text) FOR UPDATE
    """)
)
_IS_USED = Statement(
    sql("SELECT EXISTS (SELECT FROM entry_lines WHERE product_id = CAST(:product_id AS uuid))")
)
# Two that create the same sku at once: the second waits for the first and then changes its row, but
# not its currency, for which nobody has looked whether the product was sold meanwhile.
_SAVE = Statement(
    sql("""
    INSERT INTO products (sku, name, unit_price, currency, tax_rate, cost, stock_on_hand, is_active)
    VALUES (:sku, :name, :unit_price, :currency, :tax_rate, :cost,
        coalesce(CAST(:stock_on_hand AS numeric), 0), :is_active)
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, unit_price = excluded.unit_price,
        currency = excluded.currency, tax_rate = excluded.tax_rate,
        cost = coalesce(excluded.cost, products.cost),
        stock_on_hand = coalesce(CAST(:stock_on_hand AS numeric), products.stock_on_hand),
        is_active = excluded.is_active
    WHERE products.currency = excluded.currency OR CAST(:may_change_currency AS boolean)
    RETURNING id, sku, name, unit_price, currency, tax_rate, cost, stock_on_hand, is_active
    """)
)
