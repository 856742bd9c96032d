"""Figures as of a date and other objects that no table holds, in plain Python."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.domain.hashing import GENESIS
from tests.planner.world import TODAY, Row, World, hash_of, money


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
        "customer_id": customer["id"],
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
    for due, left in open_debits(world, customer, as_of):
        late = (as_of - due).days
        names = list(buckets)
        buckets[names[0 if late <= 0 else min((late + 29) // 30, 4)]] += left
    credit = sum(
        (left for entry, left in _open(world, customer, as_of) if entry["amount"] < 0), nothing
    )
    return {
        "customer_id": customer["id"],
        "as_of": as_of,
        "currency": customer["currency"],
        **buckets,
        "total": sum(buckets.values(), nothing),
        "disputed": nothing,
        "unapplied_credit": credit,
    }


def explain_balance(_world: World, customer: Row, given: Mapping[str, Any]) -> Row:
    """Whose balance, as of when, known when."""
    return {
        "customer_id": customer["id"],
        "owner": customer,
        "as_of": _day(given),
        "known_at": datetime.fromisoformat(given["knownAt"]),
    }


def explained_balance(world: World, explanation: Row, _given: Mapping[str, Any]) -> Row:
    """The balance that is explained."""
    given = {
        "asOf": explanation["as_of"].isoformat(),
        "knownAt": explanation["known_at"].isoformat(),
    }
    return balance_at(world, explanation["owner"], given)


def groups(world: World, explanation: Row, _given: Mapping[str, Any]) -> list[Row]:
    """The entries behind it, by type."""
    amounts: dict[str, list[Decimal]] = {}
    for each in _of(world, "ledger_entries", explanation["owner"]):
        if (
            each["transaction_date"] <= explanation["as_of"]
            and each["posted_at"] <= explanation["known_at"]
        ):
            amounts.setdefault(each["type"], []).append(each["amount"])
    return [
        {**explanation, "type": kind, "count": len(amounts[kind]), "total": sum(amounts[kind])}
        for kind in sorted(amounts)
    ]


def statement(world: World, customer: Row, given: Mapping[str, Any]) -> Row:
    """What was owed before the first date and after the last."""
    first, last = (date.fromisoformat(given[name]) for name in ("from", "to"))
    nothing = money(0, customer["currency"])
    entries = _of(world, "ledger_entries", customer)
    before = [each["amount"] for each in entries if each["transaction_date"] < first]
    until = [each["amount"] for each in entries if each["transaction_date"] <= last]
    return {
        "customer_id": customer["id"],
        "owner": customer,
        "from": first,
        "to": last,
        "currency": customer["currency"],
        "opening_balance": sum(before, nothing),
        "closing_balance": sum(until, nothing),
    }


def lines(world: World, row: Row, _given: Mapping[str, Any]) -> list[Row]:
    """Each entry between the dates, with the balance after it."""
    balance = row["opening_balance"]
    listed = []
    entries = _of(world, "ledger_entries", row["owner"])
    for entry in sorted(entries, key=lambda each: (each["transaction_date"], each["sequence"])):
        if row["from"] <= entry["transaction_date"] <= row["to"]:
            amount = entry["amount"]
            balance += amount
            listed.append(
                {
                    "customer_id": row["customer_id"],
                    "entry_id": entry["id"],
                    "date": entry["transaction_date"],
                    "description": entry["description"] or entry["number"],
                    "debit": amount if amount > 0 else None,
                    "credit": -amount if amount < 0 else None,
                    "running_balance": balance,
                }
            )
    return listed


def statement_ageing(world: World, row: Row, _given: Mapping[str, Any]) -> Row:
    """What is open as of the last date."""
    return ageing(world, row["owner"], {"asOf": row["to"].isoformat()})


def verify_ledger(world: World, customer: Row, _given: Mapping[str, Any]) -> Row:
    """Every link from the first on, by the domain's own hash."""
    account = world.accounts[customer["id"]]
    chain = sorted(_of(world, "ledger_entries", customer), key=lambda each: each["sequence"])
    broken, reason, previous = None, None, GENESIS
    for place, entry in enumerate(chain, start=1):
        fault = None
        if entry["sequence"] != place:
            fault = "An entry is missing before this one."
        elif entry["previous_hash"] != previous:
            fault = "This entry does not follow the one before it."
        elif entry["hash"] != hash_of(world, entry):
            fault = "This entry is not what it was when it was posted."
        if fault and broken is None:
            broken, reason = entry["id"], fault
        previous = entry["hash"]
    if reason is None and (account["sequence"], account["head_hash"]) != (len(chain), previous):
        reason = "The account's head is not the last entry."
    return {
        "customer_id": customer["id"],
        "ok": reason is None,
        "entries_checked": len(chain),
        "head_hash": account["head_hash"],
        "first_broken_id": broken,
        "reason": reason,
    }


def open_debits(world: World, customer: Row, as_of: date) -> list[tuple[date, Decimal]]:
    """When each was due, and what of it is open as of a date."""
    return [
        (entry["due_date"] or entry["transaction_date"], left)
        for entry, left in _open(world, customer, as_of)
        if entry["amount"] > 0
    ]


def _open(world: World, customer: Row, as_of: date) -> list[tuple[Row, Decimal]]:
    """From the entries and allocations dated by then alone."""
    entries = (
        (entry, abs(entry["amount"]) - _used(world, entry, as_of))
        for entry in _of(world, "ledger_entries", customer)
        if entry["transaction_date"] <= as_of
    )
    return [(entry, left) for entry, left in entries if left > 0]


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
    "Customer.explainBalance": explain_balance,
    "BalanceExplanation.balance": explained_balance,
    "BalanceExplanation.groups": groups,
    "Customer.statement": statement,
    "Statement.lines": lines,
    "Statement.ageing": statement_ageing,
    "Customer.verifyLedger": verify_ledger,
    "ReconciliationRun.failures": failures,
}
"""Fields whose objects are computed from their row and their arguments."""
