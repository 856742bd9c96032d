"""Products."""

from decimal import Decimal

import strawberry

from app.models import products
from app.schema.types.declaration import Kind, Owner, Source, leaf, planned_type
from app.schema.types.node import Node
from app.schema.types.scalars import Currency

_PRODUCTS = products.c


@strawberry.type(description="Something that is sold.")
@planned_type(Source(table=products, owner=Owner.NOBODY, key=(_PRODUCTS.id,)))
class Product(Node):
    """A row of `products`."""

    sku: str = leaf(_PRODUCTS.sku)
    name: str = leaf(_PRODUCTS.name)
    unit_price: Decimal = leaf(
        _PRODUCTS.unit_price, Kind.MONEY, description="Per unit, with four decimals."
    )
    currency: Currency = leaf(_PRODUCTS.currency)
    tax_rate: Decimal = leaf(
        _PRODUCTS.tax_rate, Kind.MONEY, description="A fraction of the net price: 0.1900 is 19 %."
    )
    stock_on_hand: Decimal = leaf(_PRODUCTS.stock_on_hand, Kind.MONEY)
    version: int = leaf(_PRODUCTS.version, Kind.NUMBER)
    is_active: bool = leaf(_PRODUCTS.is_active, Kind.BOOLEAN)
    cost: Decimal | None = leaf(_PRODUCTS.cost, Kind.MONEY, guard="product.cost")
