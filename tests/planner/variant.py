"""The same world with other secrets: what a viewer must not learn is different, the rest is not."""

from copy import deepcopy
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import CheckConstraint

from app.models import metadata
from app.planner.catalogue import Catalogue
from tests.planner.secrets import TYPES, Cell, Secrets
from tests.planner.sight import Sight
from tests.planner.world import Row, World

_SPACE = UUID("0d1c7d4e-6a0f-4d55-9f3c-6f2a7d0d8e55")
ADDRESS = {"address_line1", "address_city", "address_country"}
OWNED_TABLES = (
    *("accounts", "ledger_entries", "entry_lines", "journal_lines", "allocations"),
    *("open_items", "drift_findings", "audit_events"),
)
CLONED = (
    *("users", "products", "teams", "reconciliation_runs"),
    *("drift_findings", "audit_events"),
)
RELATIONS = (
    *(("customers", "assigned_to"), ("users", "team_id")),
    *(("accounting_periods", "closed_by"), ("drift_findings", "resolved_by")),
)
"""Nullable references that may lead to rows which the viewer cannot see."""


class Variant:
    """Changes a copy of a world in every way that one viewer must not notice."""

    def __init__(self, sight: Sight, catalogue: Catalogue, seed: int = 7) -> None:
        self.random = Random(seed)  # noqa: S311 - the same at every run
        self.world = sight.world.copy()
        viewer = next(u for u in self.world.rows("users") if u["id"] == sight.viewer["id"])
        self.sight = Sight(self.world, viewer, sight.grant, sight.groups)
        self.secrets = Secrets(self.sight, catalogue)
        self.changes = 0

    def make(self) -> World:
        for cell in list(self.secrets.cells()):
            self._change(cell)
        for table, column in RELATIONS:
            self._redirect(table, column)
        self._rows()
        self._customers()
        self.world.forget()
        return self.world

    # Cells

    def _change(self, cell: Cell) -> None:
        given = cell.row[cell.column]
        for candidate in self._candidates(cell, given):
            if candidate != given and _keeps_form(cell, given, candidate):
                cell.row[cell.column] = candidate
                self.changes += 1
                return

    def _candidates(self, cell: Cell, given: Any) -> list[Any]:
        column = metadata.tables[cell.table].columns[cell.column]
        if column.foreign_keys or _is_listed(cell.table, cell.column):
            return []
        mark = f"{self.random.getrandbits(48):012x}"
        if given is None:
            is_text = column.type.python_type is str and cell.column not in ADDRESS
            return [f"was-null-{mark}"] if is_text and self.random.random() < 0.5 else []
        if cell.masks and isinstance(given, str) and given.startswith("{"):
            return [self._other_content(cell, given, mark)]
        candidates = _others(given, mark)
        if column.nullable and cell.column not in ADDRESS and self.random.random() < 0.3:
            candidates.insert(0, None)
        return candidates

    def _other_content(self, cell: Cell, given: str, mark: str) -> str:
        """As many other values as are not noticed."""
        made = given
        for name, each in orjson.loads(given).items():
            for candidate in [*_others(each, mark), mark, None]:
                changed = orjson.dumps(orjson.loads(made) | {name: candidate}).decode()
                if candidate != each and _keeps_form(cell, made, changed):
                    made = changed
                    break
        return made

    # Relations to rows that cannot be seen

    def _redirect(self, table: str, column: str) -> None:
        (key,) = metadata.tables[table].columns[column].foreign_keys
        target = key.column.table.name
        unseen = [row["id"] for row in self.secrets.hidden_rows(target)]
        for row in self.world.rows(table):
            before = row[column]
            is_viewer = row.get("id") == self.sight.viewer["id"]
            if is_viewer or (before is not None and before not in unseen):
                continue
            standing = self._standing()
            row[column] = self.random.choice([None, *unseen])
            if self._standing() != standing:
                row[column] = before
            self.changes += row[column] != before

    def _standing(self) -> Any:
        """Which facts hold of which rows: what decides who sees them."""
        return [
            self.sight.facts(TYPES[table], each)
            for table in ("customers", "users")
            for each in self.world.rows(table)
        ]

    # Rows

    def _rows(self) -> None:
        for table in CLONED:
            hidden = self.secrets.hidden_rows(table)
            if table == "users":
                hidden = [row for row in hidden if row["team_id"] not in self.sight.teams]
            for row in hidden:
                fate = self.random.random()
                if fate < 0.3:
                    self.world.rows(table).remove(row)
                elif fate < 0.6 and "id" in row:
                    self.world.rows(table).append(self._twin(row))
                self.changes += fate < 0.6
        self.world.forget()

    def _customers(self) -> None:
        hidden = self.secrets.hidden_rows("customers")
        for customer in hidden:
            fate = self.random.random()
            books = {
                table: [r for r in self.world.rows(table) if r["customer_id"] == customer["id"]]
                for table in OWNED_TABLES
            }
            if fate < 0.4:
                self._remove_customer(customer, books)
            elif fate < 0.8:
                self._copy_customer(customer, books)
            self.changes += fate < 0.8

    def _remove_customer(self, customer: Row, books: dict[str, list[Row]]) -> None:
        self.world.rows("customers").remove(customer)
        for table, rows in books.items():
            for row in rows:
                self.world.rows(table).remove(row)

    def _copy_customer(self, customer: Row, books: dict[str, list[Row]]) -> None:
        twin = self._twin(customer)
        self.world.rows("customers").append(twin | {"id": _copied(customer["id"])})
        own = {row["id"] for rows in books.values() for row in rows if "id" in row}
        own.add(customer["id"])
        for table, rows in books.items():
            for row in rows:
                copy = {
                    name: _copied(each) if _is_one_of(each, own) else each
                    for name, each in row.items()
                }
                if "number" in copy:  # a name of one entry
                    copy["number"] += "-copy"
                self.world.rows(table).append(copy)

    def _twin(self, row: Row) -> Row:
        twin = deepcopy(row)
        twin["id"] = uuid5(_SPACE, str(row["id"]))
        for name in {"email", "code", "sku", "name"} & twin.keys():
            twin[name] = f"{twin[name]}-twin"
        return twin


def _copied(row_id: UUID) -> UUID:
    return uuid5(_SPACE, f"copy of {row_id}")


def _is_one_of(given: Any, ids: set[UUID]) -> bool:
    return isinstance(given, UUID) and given in ids


def _keeps_form(cell: Cell, given: Any, candidate: Any) -> bool:
    if not cell.masks:
        return True
    if given is None or candidate is None:
        return False
    return all(mask(given) == mask(candidate) for mask in cell.masks)


def _is_listed(table: str, column: str) -> bool:
    """Whether a check allows a closed list of values only."""
    return any(
        f"{column} IN (" in str(check.sqltext) or f"{column} BETWEEN" in str(check.sqltext)
        for check in metadata.tables[table].constraints
        if isinstance(check, CheckConstraint)
    )


def _others(given: Any, mark: str) -> list[Any]:
    """Other values of the same kind; of text, ones of every form that a mask can keep."""
    if isinstance(given, str):
        return _other_texts(given, mark)
    if isinstance(given, Decimal):
        smallest = Decimal(1).scaleb(int(given.as_tuple().exponent))
        return [given + 7 * smallest.copy_sign(given)] if given else []
    if isinstance(given, bytes):
        return [(mark * 6).encode()[: len(given)]]
    if isinstance(given, int):
        return [not given if isinstance(given, bool) else given + 1]
    if isinstance(given, date):
        return [given + timedelta(days=1)]
    return [[*given, mark]] if isinstance(given, list) else []


def _other_texts(given: str, mark: str) -> list[str]:
    if given[:1] in "[{":
        return [f'{{"other": "{mark}"}}'] if given[0] == "{" else []
    return [
        f"{given[:1]}{mark}@{given.partition('@')[2]}",
        mark if len(given) >= 6 else mark[:4],
        f"{given[:1]}{mark}",
        f"{mark}{given[-2:]}",
    ]
