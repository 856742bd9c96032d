"""Products: created or changed by their sku. What the input leaves out stays as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text as sql

from app.domain import invoice, money, text
from app.domain.errors import DomainError, ErrorCode, StaleVersion
from app.domain.unset import UNSET, Unset
from app.infra.database import Statement, Transaction
from app.policies.actor import Actor
from app.services import audit
from app.services.locks import ADVISORY_CLASS

COORDINATE = "Mutation.saveProduct"
MAX_SKU = 64


@dataclass(frozen=True, kw_only=True)
class SaveProduct:
    """What is None, or `cost` UNSET, stays as it is; prices have at most four decimals.

    A new product has no tax, no cost and no stock, and is active.
    """

    sku: str
    expected_version: int | None = None
    name: str
    unit_price: Decimal
    currency: str
    tax_rate: Decimal | None = None
    cost: Decimal | Unset | None = UNSET
    stock_on_hand: Decimal | None = None
    is_active: bool | None = None


async def save_product(tx: Transaction, actor: Actor, command: SaveProduct) -> UUID:
    """The product's id. Raises Forbidden, Invalid, StaleVersion, and INVALID_STATE for a used
    product's currency.

    A posting holds the products that it prices by, so none can be sold while its currency changes.
    What changes nothing leaves no trace.
    """
    actor.require(COORDINATE)
    given = _checked(command)
    actor.require_suppliable("SaveProductInput", [_COLUMNS[name] for name in given], frozenset())
    await tx.execute(ONE_SKU, sku=given["sku"])
    before = await tx.fetchrow(_LOCK, sku=given["sku"])
    version = 0 if before is None else before["version"]
    if command.expected_version not in {None, version}:
        raise StaleVersion("product", command.expected_version, version)
    if before is None:
        (after,) = await tx.fetch(_INSERT, **(_NEW | given))
    else:
        values = {name: before[name] for name in _COLUMNS} | given
        if all(before[name] == value for name, value in values.items()):
            return UUID(str(before["id"]))
        is_used = before["currency"] != values["currency"] and await tx.fetchval(
            _IS_USED, product_id=before["id"]
        )
        if is_used:
            raise DomainError(
                ErrorCode.INVALID_STATE,
                "The currency of a product that was sold cannot change: make a new product.",
                path=("currency",),
            )
        (after,) = await tx.fetch(_UPDATE, **values)
    await audit.record(
        tx,
        actor,
        "saveProduct",
        subject=audit.Subject(type="Product", id=after["id"]),
        before=before and _audited(before),
        after=_audited(after),
    )
    return UUID(str(after["id"]))


def _checked(command: SaveProduct) -> dict[str, Any]:
    """The columns that were supplied."""
    values = {
        "sku": text.identifier(command.sku, "sku", maximum=MAX_SKU),
        "name": text.required(command.name, "name"),
        "unit_price": invoice.four_decimals(command.unit_price, "unitPrice"),
        "currency": money.currency(command.currency, "currency"),
    }
    if command.tax_rate is not None:
        values["tax_rate"] = invoice.fraction(command.tax_rate, "taxRate")
    if command.cost is not UNSET:
        values["cost"] = _four_decimals(command.cost, "cost")
    if command.stock_on_hand is not None:
        values["stock_on_hand"] = _four_decimals(command.stock_on_hand, "stockOnHand")
    if command.is_active is not None:
        values["is_active"] = command.is_active
    return values


def _four_decimals(number: Any, *path: str) -> Decimal | None:
    return None if number is None else invoice.four_decimals(number, *path)


def _audited(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(it) if isinstance(it, Decimal) else it for name, it in row.items()}


_COLUMNS = {
    "sku": "sku",
    "name": "name",
    "unit_price": "unitPrice",
    "currency": "currency",
    "tax_rate": "taxRate",
    "cost": "cost",
    "stock_on_hand": "stockOnHand",
    "is_active": "isActive",
}
"""What is saved, and what the input calls it."""
_NEW: dict[str, Any] = {
    "tax_rate": Decimal(0),
    "cost": None,
    "stock_on_hand": Decimal(0),
    "is_active": True,
}

# Two that create the same sku at once: the second waits here and finds the product of the first.
ONE_SKU = Statement(
    sql(f"SELECT pg_advisory_xact_lock({ADVISORY_CLASS}, hashtext(CAST(:sku AS text)))")
)
_RETURNING = f"id, {', '.join(_COLUMNS)}, version"
_LOCK = Statement(
    sql(f"SELECT {_RETURNING} FROM products WHERE sku = CAST(:sku AS text) FOR UPDATE")  # noqa: S608 - names of our own
)
_IS_USED = Statement(
    sql("SELECT EXISTS (SELECT FROM entry_lines WHERE product_id = CAST(:product_id AS uuid))")
)
_INSERT = Statement(
    sql(f"""
    INSERT INTO products (sku, name, unit_price, currency, tax_rate, cost, stock_on_hand, is_active)
    VALUES (:sku, :name, :unit_price, :currency, :tax_rate, :cost, :stock_on_hand, :is_active)
    RETURNING {_RETURNING}
    """)  # noqa: S608 - names of our own
)
_UPDATE = Statement(
    sql(f"""
    UPDATE products SET name = :name, unit_price = :unit_price, currency = :currency,
        tax_rate = :tax_rate, cost = :cost, stock_on_hand = :stock_on_hand,
        is_active = :is_active, version = version + 1
    WHERE sku = CAST(:sku AS text)
    RETURNING {_RETURNING}
    """)  # noqa: S608 - names of our own
)
