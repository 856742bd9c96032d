"""What every field of every row is, in plain Python: columns by name, and the few that are not."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from graphql import GraphQLSchema, get_named_type, is_leaf_type

from tests.planner.oracle_computed import open_debits
from tests.planner.sight import COMPUTED, EMBEDDED, OWNED, TABLES
from tests.planner.world import TODAY, Row, World, money

HIDDEN = "•••"
OneOf = Callable[[World, Row], Row | None]
ManyOf = Callable[[World, Row], list[Row]]

TAGS = {
    "Customer": b"Cu",
    "User": b"Us",
    "Team": b"Te",
    "Product": b"Pr",
    "AccountingPeriod": b"Pe",
    "ReconciliationRun": b"Rr",
    "LedgerEntry": b"E",
    "Allocation": b"A",
    "DriftFinding": b"D",
    "AuditEvent": b"L",
}

_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])")


def snake(name: str) -> str:
    return _SNAKE.sub("_", name).lower()


def global_id(type_name: str, row: Row) -> str:
    owner = row["customer_id"].bytes if type_name in OWNED else b""
    return urlsafe_b64encode(TAGS[type_name] + owner + row["id"].bytes).decode()


def _overdue(world: World, customer: Row) -> Decimal:
    due = (left for day, left in open_debits(world, customer, TODAY) if day < TODAY)
    return sum(due, money(0, customer["currency"]))


def _oldest_due(world: World, customer: Row) -> date | None:
    return min((day for day, _ in open_debits(world, customer, TODAY)), default=None)


def _account(column: str) -> Callable[[World, Row], Any]:
    return lambda world, customer: world.accounts[customer["id"]][column]


def _current(world: World, customer: Row) -> Decimal:
    account = world.accounts[customer["id"]]
    return account["pending"] - account["advance"]


def _open_amount(world: World, entry: Row) -> Decimal:
    item = world.open_items.get(entry["id"])
    return item["open_amount"] if item else money(0, entry["currency"])


def _settlement(world: World, entry: Row) -> str:
    item = world.open_items.get(entry["id"])
    if item is None:
        return "SETTLED"
    return "OPEN" if item["open_amount"] == abs(entry["amount"]) else "PARTIALLY_SETTLED"


def _undone_at(world: World, allocation: Row) -> datetime | None:
    counters = (each for each in world.rows("allocations") if each["undoes_id"] == allocation["id"])
    return next((each["allocated_at"] for each in counters), None)


def _parsed(column: str) -> Callable[[World, Row], Any]:
    return lambda _world, row: None if row[column] is None else orjson.loads(row[column])


def _address(field: str) -> Callable[[World, Row], Any]:
    return lambda _world, customer: customer[f"address_{snake(field)}"]


DERIVED: dict[str, Callable[[World, Row], Any]] = {
    "Customer.pendingBalance": _account("pending"),
    "Customer.advanceBalance": _account("advance"),
    "Customer.currentBalance": _current,
    "Customer.overdueAmount": _overdue,
    "Customer.oldestDueDate": _oldest_due,
    "Customer.creditLimit": _account("credit_limit"),
    "Customer.effectiveCreditLimit": _account("credit_limit"),
    "Customer.availableCredit": lambda world, customer: (
        _account("credit_limit")(world, customer) - _current(world, customer)
    ),
    "LedgerEntry.status": lambda _world, _entry: "POSTED",
    "LedgerEntry.settlement": _settlement,
    "LedgerEntry.openAmount": _open_amount,
    "Allocation.undoneAt": _undone_at,
    "AccountingPeriod.startsOn": lambda _world, period: period["during"].lower,
    "AccountingPeriod.endsOn": lambda _world, period: date.fromordinal(
        period["during"].upper.toordinal() - 1
    ),
    "DriftFinding.figures": _parsed("figures"),
    **{
        f"Address.{field}": _address(field)
        for field in ("line1", "line2", "city", "region", "postalCode", "country")
    },
}
"""Fields that are no column of their row by the same name."""

ONE_COLUMN = {"LedgerEntry.reference": "related_entry_id"}
"""Relations to one row whose column is not named like the field."""
CONCRETE = {"LedgerEntry.reference": "LedgerEntry", "JobFailure.subject": "Customer"}
"""What an interface-typed relation leads to."""


def _where(table: str, **columns: str) -> ManyOf:
    return lambda world, parent: [
        row
        for row in world.rows(table)
        if all(row[theirs] == parent[ours] for theirs, ours in columns.items())
    ]


def _of_entry(world: World, entry: Row) -> list[Row]:
    return [
        row
        for row in world.rows("allocations")
        if entry["id"] in (row["credit_id"], row["debit_id"]) and row["undoes_id"] is None
    ]


MANY: dict[str, ManyOf] = {
    "Customer.ledgerEntries": _where("ledger_entries", customer_id="id"),
    "Customer.auditTrail": _where("audit_events", customer_id="id"),
    "Customer.openItems": lambda world, customer: [
        row
        for row in world.rows("ledger_entries")
        if row["customer_id"] == customer["id"] and row["id"] in world.open_items
    ],
    "BalanceGroup.entries": lambda world, group: [
        row
        for row in world.rows("ledger_entries")
        if row["customer_id"] == group["customer_id"]
        and row["type"] == group["type"]
        and row["transaction_date"] <= group["as_of"]
        and row["posted_at"] <= group["known_at"]
    ],
    "LedgerEntry.lineItems": _where("entry_lines", entry_id="id"),
    "LedgerEntry.journalLines": _where("journal_lines", source_id="id"),
    "LedgerEntry.allocations": _of_entry,
    "ReconciliationRun.findings": _where("drift_findings", run_id="id"),
    "Team.members": _where("users", team_id="id"),
}
LIST_ORDER = {
    "LineItem": "line_number",
    "JournalLine": "line_number",
    "Team": "name",
    "LedgerEntry": "sequence",
}
"""The fixed order of lists that are no connections."""


def _initial(text: str) -> str:
    return text[:1] + HIDDEN


def _email(text: str) -> str:
    return text[:1] + HIDDEN + "@" + text.partition("@")[2]


def _last_two(text: str) -> str:
    return HIDDEN + (text[-2:] if len(text) >= 6 else "")


def _hidden(_text: str) -> str:
    return HIDDEN


MASKS: dict[str, Callable[[str], str]] = {
    "Customer.contactName": _initial,
    "Customer.email": _email,
    "Customer.phone": _last_two,
    "Customer.taxId": _last_two,
    "User.email": _email,
    **{f"Address.{field}": _hidden for field in ("line1", "line2", "city", "region", "postalCode")},
    "Address.country": lambda text: text,
}
"""Fields that have a masked form, and it."""


def is_relation(schema: GraphQLSchema, type_name: str, field: str) -> bool:
    """Whether the field leads to rows of a type, rather than being a value of its own."""
    graphql_type = schema.type_map[type_name].fields[field].type
    named = get_named_type(graphql_type)
    return not is_leaf_type(named) and named.name not in EMBEDDED.keys() | COMPUTED


def has_masked_form(schema: GraphQLSchema, coordinate: str) -> bool:
    """A value with a mask, or an embedded object all of whose values have one."""
    type_name, _, field = coordinate.partition(".")
    target = get_named_type(schema.type_map[type_name].fields[field].type)
    if target.name in EMBEDDED:
        return all(f"{target.name}.{each}" in MASKS for each in target.fields)
    return coordinate in MASKS


def value(world: World, type_name: str, field: str, row: Row) -> Any:
    """A field's value, whole."""
    if field == "id":
        return global_id(type_name, row)
    derived = DERIVED.get(f"{type_name}.{field}")
    return derived(world, row) if derived else row[snake(field)]


def one(world: World, schema: GraphQLSchema, type_name: str, field: str, row: Row) -> Row | None:
    """The row that a relation leads to, whoever may see it."""
    coordinate = f"{type_name}.{field}"
    column = ONE_COLUMN.get(coordinate, snake(field))
    key = row[column] if column in row else row[f"{column}_id"]
    return world.find(TABLES[one_type(schema, type_name, field)], key)


def one_type(schema: GraphQLSchema, type_name: str, field: str) -> str:
    """The type of that row."""
    named = get_named_type(schema.type_map[type_name].fields[field].type).name
    return CONCRETE.get(f"{type_name}.{field}", named)


def as_json(given: Any) -> Any:
    """A value as the contract's scalars spell it."""
    if isinstance(given, Decimal):
        return f"{given:f}"
    if isinstance(given, datetime):
        return given.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(given, date):
        return given.isoformat()
    if isinstance(given, bytes):
        return given.hex()
    return given
