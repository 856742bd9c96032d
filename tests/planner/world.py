"""A small company with everything in it that a read can meet, the same at every run.

Rows are plain dictionaries by column, so that the oracle reads what the database was given. Ids are
hashes of names: their order has nothing to do with codes, dates or the order of insertion. Every
text that somebody may be kept from is unique, so that it can be looked for.
"""

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

from app.domain.currency import MINOR_UNIT_DIGITS
from app.domain.hashing import FinancialFields, LineFigures, entry_hash

Row = dict[str, Any]

TODAY = date(2026, 3, 15)
EPOCH = datetime(2026, 1, 2, 8, 0, 0, 123456, tzinfo=UTC)
_SPACE = UUID("5a3f3c1e-6a53-4b55-8e0c-0d6a3a1f7c11")

# name, roles, team
PEOPLE: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("admin", ("ADMIN",), None),
    ("controller", ("CONTROLLER",), None),
    ("accountant", ("ACCOUNTANT",), None),
    ("credit_manager", ("CREDIT_MANAGER",), None),
    ("sales_manager", ("SALES_MANAGER",), None),
    ("sales_manager_inside", ("SALES_MANAGER",), "West"),
    ("sales_rep", ("SALES_REP",), "North"),
    ("sales_rep2", ("SALES_REP",), "North"),
    ("sales_rep3", ("SALES_REP",), "South"),
    ("sales_rep4", ("SALES_REP",), "West"),
    ("support", ("SUPPORT",), None),
    ("auditor", ("AUDITOR",), None),
    ("integrator", ("INTEGRATOR",), None),
    ("customer", ("CUSTOMER",), None),
    ("customer_of_none", ("CUSTOMER",), None),
    ("rep_support", ("SALES_REP", "SUPPORT"), "North"),
    ("manager_auditor", ("SALES_MANAGER", "AUDITOR"), "South"),
    ("rep_integrator", ("SALES_REP", "INTEGRATOR"), "West"),
    ("customer_rep", ("CUSTOMER", "SALES_REP"), "North"),
    ("gone", ("SALES_REP",), "North"),
)
TEAMS = (("North", "sales_manager"), ("South", "sales_manager"), ("West", "sales_manager_inside"))
PORTAL = {"customer": 0, "customer_rep": 5}
ALIKE = {"sales_rep2", "sales_rep3", "sales_rep4", "gone"}
"""People who are there to be colleagues: they would see nothing in another way."""
VIEWERS = tuple(name for name, _, _ in PEOPLE if name not in ALIKE)

ASSIGNEES = (
    *("sales_rep", "sales_rep", "sales_rep2", "sales_rep3", "sales_rep4", "rep_support", None),
    *("customer_rep", "sales_manager_inside", "rep_integrator", "gone", None, "sales_rep", "admin"),
    *("manager_auditor", "sales_rep3"),
)
STATUSES = ("ACTIVE", "ACTIVE", "SUSPENDED", "ACTIVE", "DELETED", "ACTIVE", "ARCHIVED", "MERGED")
CURRENCIES = ("EUR", "JPY", "KWD", "EUR", "EUR")
NAMES = (
    *("Alpha & Söhne", "alpha Bakery", 'Beta_100% "Works"', "Gamma\\Delta", "Omega", "Omega"),
    *("Omega", "Ünlü Göl", "Zeta Foods", "ΟΔΟΣ Straße", "Émile", "Koi 錦鯉 İş", "Alphabet"),
    "Nil 🦊",
    *("Tau 'O' Tau", "omega"),
)


def key(kind: str, *parts: object) -> UUID:
    """The id of a thing by its name."""
    return uuid5(_SPACE, ":".join((kind, *map(str, parts))))


def digest(*parts: object) -> bytes:
    return sha256(":".join(map(str, parts)).encode()).digest()


def money(value: int | str | Decimal, currency: str) -> Decimal:
    """An amount at its currency's scale."""
    return Decimal(value).quantize(Decimal(1).scaleb(-MINOR_UNIT_DIGITS[currency]))


def hash_of(world: "World", entry: Row) -> bytes:
    """What an entry's hash must be after its predecessor's, by the domain's own encoding."""
    plain = {name: entry[name] for name in FinancialFields.__slots__ if name != "lines"}
    lines = sorted(
        (row for row in world.rows("entry_lines") if row["entry_id"] == entry["id"]),
        key=lambda row: row["line_number"],
    )
    figures = (LineFigures(**{n: row[n] for n in LineFigures.__slots__}) for row in lines)
    return entry_hash(entry["previous_hash"], FinancialFields(**plain, lines=tuple(figures)))


@dataclass
class World:
    """Every row, by table."""

    tables: dict[str, list[Row]]

    def copy(self) -> "World":
        return World(deepcopy(self.tables))

    def rows(self, table: str) -> list[Row]:
        return self.tables[table]

    def find(self, table: str, row_id: UUID | None) -> Row | None:
        return self.by_id.get((table, row_id)) if row_id else None

    @cached_property
    def by_id(self) -> dict[tuple[str, UUID], Row]:
        return {
            (table, row["id"]): row
            for table, rows in self.tables.items()
            for row in rows
            if "id" in row
        }

    @cached_property
    def accounts(self) -> dict[UUID, Row]:
        return {row["customer_id"]: row for row in self.rows("accounts")}

    @cached_property
    def open_items(self) -> dict[UUID, Row]:
        return {row["entry_id"]: row for row in self.rows("open_items")}

    def user(self, name: str) -> Row:
        return next(row for row in self.rows("users") if row["id"] == key("user", name))

    def forget(self) -> None:
        """After rows were added, taken away or moved: what was looked up is looked up anew."""
        for name in ("by_id", "accounts", "open_items"):
            self.__dict__.pop(name, None)
