"""Figures as of a date and other objects that no table holds, in plain Python."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from tests.planner.world import TODAY, Row, World, money


def _of(world: World, table: str, customer: Row) -> list[Row]:
    return [row for row in world.rows(table) if row["customer_id"] == customer["id"]]


def balance_at(world: World, customer: Row, given: Mapping[str, Any]) -> Row:
    """From the entries and allocations dated and known by then."""
    as_of = _day(given)
    known_at = datetime.fromisoformat(given["knownAt"])
    nothing = money(0, customer["currency"])
    entries = [
        each["amount"]
        for each in _of(world, "ledger_entries", customer)
        if each["transaction_date"] <= as_of and each["posted_at"] <= known_at
    ]
    used = sum(
        (
            each["amount"]
            for each in _of(world, "allocations", customer)
            if each["accounting_date"] <= as_of and each["allocated_at"] <= known_at
        ),
        nothing,
    )
    owed = sum((each for each in entries if each > 0), nothing)
    paid = -sum((each for each in entries if each < 0), nothing)
    return {
        "as_of": as_of,
        "known_at": known_at,
        "pending": owed - used,
        "advance": paid - used,
        "current": owed - paid,
        "currency": customer["currency"],
    }


def ageing(world: World, customer: Row, given: Mapping[str, Any]) -> Row:
    """Open debits by days overdue; one without a due date was due on its own date."""
    as_of = _day(given)
    nothing = money(0, customer["currency"])
    buckets = dict.fromkeys(("not_due", "days1to30", "days31to60", "days61to90", "over90"), nothing)
    credit = nothing
    for entry in _of(world, "ledger_entries", customer):
        if entry["transaction_date"] > as_of:
            continue
        left = abs(entry["amount"]) - _used(world, entry, as_of)
        if entry["amount"] < 0:
            credit += left
            continue
        late = (as_of - (entry["due_date"] or entry["transaction_date"])).days
        names = list(buckets)
        buckets[names[0 if late <= 0 else min((late + 29) // 30, 4)]] += left
    return {
        "as_of": as_of,
        "currency": customer["currency"],
        **buckets,
        "total": sum(buckets.values(), nothing),
        "disputed": nothing,
        "unapplied_credit": credit,
    }


def _used(world: World, entry: Row, as_of: date) -> Decimal:
    return sum(
        (
            each["amount"]
            for each in world.rows("allocations")
            if entry["id"] in (each["debit_id"], each["credit_id"])
            and each["accounting_date"] <= as_of
        ),
        money(0, entry["currency"]),
    )


def _day(given: Mapping[str, Any]) -> date:
    return date.fromisoformat(given["asOf"]) if given.get("asOf") else TODAY


def failures(_world: World, run: Row, _given: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "subject": UUID(each["subject"]) if each["subject"] else None,
            "message": each["message"],
            "at": datetime.fromisoformat(each["at"]),
        }
        for each in orjson.loads(run["failures"])
    ]


COMPUTATIONS: dict[str, Callable[[World, Row, Mapping[str, Any]], Any]] = {
    "Customer.balanceAt": balance_at,
    "Customer.ageing": ageing,
    "ReconciliationRun.failures": failures,
}
"""Fields whose objects are computed from their row and their arguments."""
