"""The company's people, periods, products, customers and runs."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import orjson
from asyncpg import Range

from tests.planner.world import (
    ASSIGNEES,
    CURRENCIES,
    EPOCH,
    NAMES,
    PORTAL,
    STATUSES,
    Row,
    key,
)


def team(name: str, manager: str) -> Row:
    return {"id": key("team", name), "name": name, "manager_id": key("user", manager), "version": 3}


def user(name: str, roles: tuple[str, ...], team: str | None) -> Row:
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
        "version": 2 + len(name),
        "created_at": EPOCH,
    }


def periods() -> Iterator[Row]:
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


def product(n: int) -> Row:
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
        "version": 1 + n,
        "created_at": EPOCH,
    }


def customer(n: int) -> Row:
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


def run(n: int) -> Row:
    return {
        "id": key("run", n),
        "status": ("SUCCEEDED", "RUNNING", "QUEUED")[n],
        "incremental": n == 1,
        "customer_ids": None,
        "scope": None,
        "cursor": None,
        "cursor_sequence": None,
        "carried": None,
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
