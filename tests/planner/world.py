"""A small company with everything in it that a read can meet, the same at every run.

Rows are plain dictionaries by column, so that the oracle reads what the database was given. Ids are
hashes of names: their order has nothing to do with codes, dates or the order of insertion. Every
text that somebody may be kept from is unique, so that it can be looked for.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import orjson
from asyncpg import Range

from app.domain.currency import MINOR_UNIT_DIGITS

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
VIEWERS = tuple(name for name, _, _ in PEOPLE if name != "gone")

ASSIGNEES = (
    *("sales_rep", "sales_rep", "sales_rep2", "sales_rep3", "sales_rep4", "rep_support", None),
    *("customer_rep", "sales_manager_inside", "rep_integrator", "gone", None, "sales_rep", "admin"),
    *("manager_auditor", "sales_rep3"),
)
STATUSES = ("ACTIVE", "ACTIVE", "SUSPENDED", "ACTIVE", "DELETED", "ACTIVE", "ARCHIVED", "MERGED")
CURRENCIES = ("EUR", "JPY", "KWD", "EUR", "EUR")
NAMES = (
    *("Alpha & Söhne", "alpha Bakery", 'Beta_100% "Works"', "Gamma\\Delta", "Omega", "Omega"),
    *("Omega", "Ünlü Göl", "Zeta Foods", "beta works", "Émile", "Koi 錦鯉", "Alphabet", "Nil 🦊"),
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


def build() -> World:
    """The company."""
    world = World(
        {
            "teams": [_team(name, manager) for name, manager in TEAMS],
            "users": [_user(*person) for person in PEOPLE],
            "accounting_periods": list(_periods()),
            "products": [_product(n) for n in range(5)],
            "customers": [_customer(n) for n in range(len(ASSIGNEES))],
            "reconciliation_runs": [_run(n) for n in range(3)],
            **{
                name: []
                for name in (
                    *("accounts", "ledger_entries", "entry_lines", "journal_lines"),
                    *("allocations", "open_items", "drift_findings", "audit_events"),
                )
            },
        }
    )
    for number in range(len(ASSIGNEES)):
        _Books(world, number).write()
    return world


def _team(name: str, manager: str) -> Row:
    return {"id": key("team", name), "name": name, "manager_id": key("user", manager)}


def _user(name: str, roles: tuple[str, ...], team: str | None) -> Row:
    portal = PORTAL.get(name)
    return {
        "id": key("user", name),
        "email": f"{name}@people.example",
        "name": f"Person {name}",
        "roles": list(roles),
        "team_id": key("team", team) if team else None,
        "customer_id": None if portal is None else key("customer", portal),
        "is_active": name != "gone",
        "password_hash": f"hash of {name}",
        "access_version": 1 + len(name),
        "created_at": EPOCH,
    }


def _periods() -> Iterator[Row]:
    spans = [
        ("FY 2026", "YEARLY", date(2026, 1, 1), date(2027, 1, 1), "OPEN"),
        ("Q1 2026", "QUARTERLY", date(2026, 1, 1), date(2026, 4, 1), "CLOSING"),
        *(
            (f"2026-0{month}", "MONTHLY", date(2026, month, 1), date(2026, month + 1, 1), status)
            for month, status in enumerate(("LOCKED", "CLOSED", "OPEN", "OPEN"), start=1)
        ),
    ]
    for name, kind, start, end, status in spans:
        closed = status in {"LOCKED", "CLOSED"}
        yield {
            "id": key("period", name),
            "name": name,
            "type": kind,
            "during": Range(start, end),
            "status": status,
            "version": 1 + len(status),
            "closed_by": key("user", "controller") if closed else None,
            "closed_at": EPOCH + timedelta(days=40) if closed else None,
            "locked_by": key("user", "controller") if status == "LOCKED" else None,
            "locked_at": EPOCH + timedelta(days=50) if status == "LOCKED" else None,
            "created_at": EPOCH,
        }


def _product(n: int) -> Row:
    return {
        "id": key("product", n),
        "sku": f"SKU-{n:03}",
        "name": f"Product {n}",
        "unit_price": Decimal(f"{n * 7 + 1}.1234"),
        "currency": CURRENCIES[n],
        "tax_rate": Decimal("0.1900") if n % 2 else Decimal("0.0000"),
        "cost": None if n == 2 else Decimal(f"{5521 + n}.7705"),
        "stock_on_hand": Decimal(f"{n * 10}.0000"),
        "is_active": n != 3,
        "created_at": EPOCH,
    }


def _customer(n: int) -> Row:
    status = STATUSES[n % len(STATUSES)]
    assignee = ASSIGNEES[n]
    has_address, has_contact = n % 3 != 1, n % 5 != 3
    return {
        "id": key("customer", n),
        "code": f"C{(n * 7) % 50:03}",
        "business_name": NAMES[n],
        "contact_name": f"Contact-{n}-Wren" if has_contact else None,
        "email": f"box{n}@Mail-{n % 3}.example" if has_contact else None,
        "phone": f"+49 170 {7_310_000 + n * 137}" if n % 4 else ("1234" if n else None),
        "address_line1": f"Lane {n}-Larch" if has_address else None,
        "address_line2": f"Floor {n}-Linden" if has_address and n % 2 else None,
        "address_city": f"City {n}-Alder" if has_address else None,
        "address_region": f"Region {n}-Aspen" if has_address and n % 4 == 0 else None,
        "address_postal_code": f"{90_000 + n * 11}" if has_address else None,
        "address_country": ("DE", "JP", "KW")[n % 3] if has_address else None,
        "tax_id": f"DE{811_000_000 + n * 7919}" if n % 4 != 2 else None,
        "customer_type": ("BUSINESS", "RETAIL", "INDIVIDUAL")[n % 3],
        "currency": CURRENCIES[n % len(CURRENCIES)],
        "payment_terms_days": 14 + n % 3,
        "status": status,
        "assigned_to": key("user", assignee) if assignee else None,
        "tags": [tag for i, tag in enumerate(("vip", "new", "a b")) if n >> i & 1],
        "receive_emails": n % 2 == 0,
        "receive_sms": n % 3 == 0,
        "locale": f"en-{n}",
        "time_zone": f"Etc/Zone-{n}",
        "quiet_from": f"2{n % 4}:0{n % 10}" if n % 3 else None,
        "quiet_until": f"0{n % 10}:30" if n % 3 else None,
        "notes": f"Note-{n}-Nightjar" if n % 3 != 2 else None,
        "legal_hold": n == 3,
        "version": n + 1,
        "created_at": EPOCH + timedelta(days=n // 3),
        "updated_at": EPOCH + timedelta(days=20, microseconds=n % 4),
        "deleted_at": EPOCH + timedelta(days=30) if status == "DELETED" else None,
    }


def _run(n: int) -> Row:
    return {
        "id": key("run", n),
        "status": ("SUCCEEDED", "RUNNING", "QUEUED")[n],
        "incremental": n == 1,
        "customer_ids": None,
        "cursor": None,
        "started_by": key("user", "accountant") if n == 1 else None,
        "created_at": EPOCH + timedelta(days=n),
        "started_at": EPOCH + timedelta(days=n) if n < 2 else None,
        "finished_at": EPOCH + timedelta(days=n, seconds=9) if n == 0 else None,
        "customers_total": 16,
        "customers_checked": 16 - 5 * n,
        "discrepancies": 4 - n,
        "failures": _failures() if n == 1 else "[]",
    }


def _failures() -> str:
    subjects = [str(key("customer", n)) for n in (0, 3)] + [None]
    failures = [
        {
            "subject": each,
            "message": f"Failure-{n}-Falcon",
            "at": f"2026-02-0{n + 1}T01:02:03+00:00",
        }
        for n, each in enumerate(subjects)
    ]
    return orjson.dumps(failures).decode()


class _Books:
    """One customer's entries with all that hangs on them, and the figures that follow."""

    def __init__(self, world: World, n: int) -> None:
        self.world = world
        self.n = n
        self.customer = world.rows("customers")[n]
        self.currency: str = self.customer["currency"]
        self.open: dict[UUID, Decimal] = {}
        self.entries: list[Row] = []

    def write(self) -> None:
        self._trail()
        if self.n % 7 == 6:
            self._account()
            return
        for place in range(3 + self.n % 4):
            self._entry(place)
        self._allocate()
        for entry in self.entries:
            if self.open[entry["id"]]:
                self._open_item(entry)
        self._account()
        if self.n % 2 == 0:
            self._finding()

    def _entry(self, place: int) -> None:
        n = self.n
        is_debit = place % 3 != 1
        kind = "INVOICE" if is_debit else ("PAYMENT", "CREDIT_NOTE")[place % 2]
        amount = money((100 + 37 * place + (n % 3) * 10) * (1 if is_debit else -1), self.currency)
        day = date(2026, 1 + (place + n) % 3, 3 + n)
        entry = {
            "customer_id": self.customer["id"],
            "id": key("entry", n, place),
            "sequence": place + 1,
            "number": f"{kind[:3]}-{n:02}{place:04}",
            "type": kind,
            "amount": amount,
            "currency": self.currency,
            "transaction_date": day,
            "due_date": day + timedelta(days=10 + place) if is_debit and place != 3 else None,
            "period_id": key("period", f"2026-0{day.month}"),
            "description": f"Entry {n}/{place}" if place % 2 else None,
            "reason": "goods came back" if kind == "CREDIT_NOTE" else None,
            "payment_method": "BANK_TRANSFER" if kind == "PAYMENT" else None,
            "reference_type": "EXTERNAL" if place == 2 else None,
            "related_entry_id": self.entries[0]["id"] if not is_debit else None,
            "external_reference": f"ext-{n}-{place}" if place % 2 == 0 else None,
            "posted_by": key("user", "accountant" if n % 2 else "controller"),
            "posted_at": EPOCH + timedelta(days=n, seconds=place),
            "previous_hash": digest("chain", n, place - 1) if place else bytes(32),
            "hash": digest("chain", n, place),
        }
        self.entries.append(entry)
        self.open[entry["id"]] = abs(amount)
        self.world.rows("ledger_entries").append(entry)
        if is_debit:
            self._lines(entry, place)
        self._journal(entry["id"], "ENTRY", entry["transaction_date"], amount)

    def _lines(self, entry: Row, place: int) -> None:
        for line in range(1 + place % 2):
            self.world.rows("entry_lines").append(
                {
                    "customer_id": entry["customer_id"],
                    "entry_id": entry["id"],
                    "line_number": line + 1,
                    "product_id": key("product", (self.n + line) % 5) if line == 0 else None,
                    "description": f"Line {self.n}/{place}/{line}",
                    "quantity": Decimal("1.5000") + line,
                    "unit_price": Decimal("12.3456"),
                    "discount": money(line, self.currency),
                    "tax_rate": Decimal("0.1900"),
                    "total": money(50 + line, self.currency),
                    "currency": self.currency,
                }
            )

    def _journal(self, source_id: UUID, source: str, day: date, amount: Decimal) -> None:
        accounts = ("ACCOUNTS_RECEIVABLE", "REVENUE") if amount > 0 else ("CASH", "REVENUE")
        zero = money(0, self.currency)
        for line, account in enumerate(accounts):
            self.world.rows("journal_lines").append(
                {
                    "customer_id": self.customer["id"],
                    "source_id": source_id,
                    "line_number": line + 1,
                    "source": source,
                    "account": account,
                    "debit": zero if line else abs(amount),
                    "credit": abs(amount) if line else zero,
                    "currency": self.currency,
                    "accounting_date": day,
                }
            )

    def _allocate(self) -> None:
        debits = [entry for entry in self.entries if entry["amount"] > 0]
        credit = next(entry for entry in self.entries if entry["amount"] < 0)
        for place, debit in enumerate(debits[:3]):
            # The first debit is settled in full, the others in part or not at all.
            amount = debit["amount"] if place == 0 else money(5 + place, self.currency)
            made = self._allocation(place, credit, debit, amount, None)
            if place == 1:
                self._allocation(place + 10, credit, debit, -amount, made)

    def _allocation(
        self, place: int, credit: Row, debit: Row, amount: Decimal, undoes: UUID | None
    ) -> UUID:
        row_id = key("allocation", self.n, place)
        self.open[credit["id"]] -= amount
        self.open[debit["id"]] -= amount
        self.world.rows("allocations").append(
            {
                "customer_id": self.customer["id"],
                "id": row_id,
                "credit_id": credit["id"],
                "debit_id": debit["id"],
                "amount": amount,
                "currency": self.currency,
                "undoes_id": undoes,
                "accounting_date": date(2026, 3, 1),
                "reason": f"undone {self.n}" if undoes else None,
                "allocated_by": key("user", "accountant"),
                "allocated_at": EPOCH + timedelta(days=60, hours=place),
            }
        )
        self._journal(row_id, "ALLOCATION", date(2026, 3, 1), amount)
        return row_id

    def _open_item(self, entry: Row) -> None:
        self.world.rows("open_items").append(
            {
                "customer_id": entry["customer_id"],
                "entry_id": entry["id"],
                "is_debit": entry["amount"] > 0,
                "open_amount": self.open[entry["id"]],
                "currency": self.currency,
                "due_date": entry["due_date"],
                "accounting_date": entry["transaction_date"],
            }
        )

    def _account(self) -> None:
        signed = {True: money(0, self.currency), False: money(0, self.currency)}
        for entry in self.entries:
            signed[entry["amount"] > 0] += self.open[entry["id"]]
        self.world.rows("accounts").append(
            {
                "customer_id": self.customer["id"],
                "currency": self.currency,
                "pending": signed[True],
                "advance": signed[False],
                "credit_limit": money(61_000 + self.n // 2 * 173, self.currency),
                "sequence": len(self.entries),
                "head_hash": self.entries[-1]["hash"] if self.entries else bytes(32),
                "change_number": 5,
                "verified_change_number": 4,
                "verified_sequence": 2,
                "verified_at": None,
            }
        )

    def _trail(self) -> None:
        for step in range(self.n % 3):
            self.world.rows("audit_events").append(
                {
                    "id": key("event", self.n, step),
                    "at": EPOCH + timedelta(days=self.n, minutes=step),
                    "actor_id": key("user", "admin") if step else None,
                    "action": ("createCustomer", "updateCustomer")[step],
                    "subject_type": "Customer",
                    "subject_id": self.customer["id"],
                    "customer_id": self.customer["id"],
                    "outcome": ("DONE", "REFUSED")[step],
                    "reason": f"Reason-{self.n}-Raven" if step else None,
                    "request_id": f"request-{self.n}-{step}",
                    "before": f'{{"a": "Before-{self.n}-Bittern"}}' if step else None,
                    "after": f'{{"a": "After-{self.n}-{step}-Avocet"}}',
                    "policy_version": "1" if step else None,
                }
            )

    def _finding(self) -> None:
        n = self.n
        is_resolved = n % 4 == 0
        self.world.rows("drift_findings").append(
            {
                "customer_id": self.customer["id"],
                "id": key("finding", n),
                "run_id": key("run", n // 2 % 2),
                "status": ("CORRECTED", "OPEN")[n // 2 % 2] if n else "ACKNOWLEDGED",
                "currency": self.currency,
                "stored_pending": money(880 + n, self.currency),
                "computed_pending": money(900 + n, self.currency),
                "stored_advance": money(0, self.currency),
                "computed_advance": money(3, self.currency),
                "figures": '[{"name": "accounts.pending", "stored": "1"}]',
                "first_divergent_entry_id": self.entries[0]["id"] if n % 3 else None,
                "detected_at": EPOCH + timedelta(days=70 + n),
                "resolved_by": key("user", "controller") if is_resolved else None,
                "resolved_at": EPOCH + timedelta(days=80) if is_resolved else None,
                "note": f"Finding-{n}-Finch" if is_resolved else None,
            }
        )
