"""One MetaData with one naming convention, and the column shapes that every table shares."""

from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, MetaData, Numeric, Text, Uuid, func, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column(*, primary_key: bool = True) -> Column[Any]:
    """A UUIDv7 made by PostgreSQL: ordered by the time of its making."""
    return Column(
        "id", Uuid, primary_key=primary_key, nullable=False, server_default=text("uuidv7()")
    )


def money_column(name: str, *, nullable: bool = False, default: str | None = None) -> Column[Any]:
    """An amount, always at its currency's scale; `exact_money` adds the check."""
    return Column(name, Numeric, nullable=nullable, server_default=default)


def instant_column(name: str, *, nullable: bool = False, now: bool = False) -> Column[Any]:
    """A UTC instant."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.now() if now else None,
    )


def exact_money(*names: str, currency: str = "currency") -> CheckConstraint:
    """Refuses any scale but the one ISO 4217 gives the row's currency."""
    condition = " AND ".join(f"scale({name}) = currency_digits({currency})" for name in names)
    return CheckConstraint(condition, name="exact_money")


def one_of(name: str, *values: str) -> CheckConstraint:
    """The closed vocabulary of a text column."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{name} IN ({listed})", name=f"{name}_known")


def text_column(
    name: str, *, nullable: bool = False, default: str | None = None, ordered: bool = False
) -> Column[Any]:
    """Text; one that clients may order by sorts by code point, on every server the same."""
    kind = Text(collation="C") if ordered else Text()
    return Column(name, kind, nullable=nullable, server_default=default)
