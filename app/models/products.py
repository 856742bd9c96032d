"""What is sold."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    Numeric,
    Table,
    UniqueConstraint,
    text,
)

from app.models.metadata import id_column, instant_column, metadata, text_column

products = Table(
    "products",
    metadata,
    id_column(),
    text_column("sku"),
    text_column("name"),
    # Prices per unit may be finer than the currency's minor unit: always four decimals.
    Column("unit_price", Numeric(19, 4), nullable=False),
    text_column("currency"),
    Column("tax_rate", Numeric(5, 4), nullable=False, server_default=text("0")),
    Column("cost", Numeric(19, 4), nullable=True),
    Column("stock_on_hand", Numeric(19, 4), nullable=False, server_default=text("0")),
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    Column("version", Integer, nullable=False, server_default=text("1")),
    instant_column("created_at", now=True),
    UniqueConstraint("sku"),
    CheckConstraint("unit_price >= 0 AND cost >= 0", name="prices_not_negative"),
    CheckConstraint("tax_rate BETWEEN 0 AND 1", name="tax_rate_is_a_fraction"),
)
