"""Filters, orders, cursors and pages, in plain Python."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, cmp_to_key
from operator import eq as equal
from operator import ge, gt, le, lt
from typing import Any
from uuid import UUID

from graphql import GraphQLSchema

from tests.planner.oracle_fields import as_json, global_id, one, one_type, value
from tests.planner.sight import TABLES, Sight
from tests.planner.world import Row

DEFAULT_PAGE = 50
FAR = date.max
SEARCHED = {"Customer": ("code", "businessName", "email", "phone")}
LEFT_OUT = {"Customer": ("status", ("DELETED", "ARCHIVED"))}
LIST_ORDERS = {"Customer.openItems": "DUE_DATE", "Query.accountingPeriods": "STARTS_ON"}
ORDER_FIELDS = {"POSTED": "id"}
DATE_FILTERS = {
    ("AccountingPeriod", "covers"): lambda row, day: (
        row["during"].lower <= day < row["during"].upper
    )
}
COMPARISONS = {"eq": equal, "gt": gt, "gte": ge, "lt": lt, "lte": le}

Scores = Mapping[tuple[str, str], tuple[bool, str]]
"""For a sought text and a value: whether it is similar enough, and how similar (as a float4)."""


@dataclass(frozen=True)
class Listing:
    """One connection: its rows before filtering, and the arguments it was asked with."""

    sight: Sight
    schema: GraphQLSchema
    scores: Scores
    coordinate: str
    type_name: str
    candidates: list[Row]
    arguments: Mapping[str, Any]

    def field(self, name: str, row: Row) -> Any:
        return value(self.sight.world, self.type_name, name, row)

    # Filters

    @cached_property
    def matching(self) -> list[Row]:
        """Every row of the list, in its order."""
        given = self.arguments.get("filter") or {}
        rows = [row for row in self.candidates if self.meets(row, given)]
        usual = LEFT_OUT.get(self.type_name)
        if usual and not mentions(given, usual[0]):
            rows = [row for row in rows if row[usual[0]] not in usual[1]]
        return sorted(rows, key=cmp_to_key(lambda a, b: self.compare(self.place(a), self.place(b))))

    def meets(self, row: Row, given: Mapping[str, Any]) -> bool:
        return all(
            self.meets_one(row, name, asked) for name, asked in given.items() if asked is not None
        )

    def meets_one(self, row: Row, name: str, asked: Any) -> bool:
        if name in {"and", "or"}:
            combined = all if name == "and" else any
            return combined(self.meets(row, each) for each in asked)
        if name == "not":
            return not self.meets(row, asked)
        if name == "search":
            return self.is_found(row, asked.strip())
        if (self.type_name, name) in DATE_FILTERS:
            return DATE_FILTERS[self.type_name, name](row, date.fromisoformat(asked))
        if name in {"unassigned", "assignedTo", "period"}:
            return self.leads_to(row, name, asked)
        return is_met(self.field(name, row), asked)

    def leads_to(self, row: Row, name: str, asked: Any) -> bool:
        if name == "unassigned":
            return (self.related(row, "assignedTo") is None) is asked
        related = self.related(row, name)
        target = one_type(self.schema, self.type_name, name)
        wanted = asked if isinstance(asked, list) else [asked]
        return related is not None and global_id(target, related) in wanted

    def related(self, row: Row, name: str) -> Row | None:
        """Only what the viewer can see counts as there."""
        found = one(self.sight.world, self.schema, self.type_name, name, row)
        return self.sight.seen(one_type(self.schema, self.type_name, name), found)

    # Search

    @cached_property
    def searched(self) -> list[str]:
        rows = self.sight.rows(self.type_name)
        if self.coordinate.startswith("Query."):
            rows = self.sight.query(self.coordinate.removeprefix("Query."), self.type_name)
        return [
            name
            for name in SEARCHED[self.type_name]
            if self.sight.access(f"{self.type_name}.{name}").is_whole_for(rows)
        ]

    def is_found(self, row: Row, sought: str) -> bool:
        texts = [self.field(name, row) for name in self.searched]
        return any(
            self.scores[sought, text][0] or sought.casefold() in text.casefold()
            for text in texts
            if text is not None
        )

    def score(self, row: Row, sought: str) -> str:
        texts = [self.field(name, row) for name in self.searched]
        return max((self.scores[sought, t][1] for t in texts if t is not None), key=float)

    # Orders and cursors

    @cached_property
    def keys(self) -> list[tuple[str, bool]]:
        """(name, descending) of each key; the last one never ties."""
        wanted = self.arguments.get("orderBy") or []
        keys = [(each["field"], each["direction"] == "DESC") for each in wanted]
        if not keys and (self.arguments.get("filter") or {}).get("search") is not None:
            keys = [("RELEVANCE", True)]
        if not keys and self.coordinate in LIST_ORDERS:
            keys = [(LIST_ORDERS[self.coordinate], False)]
        if not any(name in {"ID", "POSTED"} for name, _ in keys):
            keys.append(("ID", bool(keys) and keys[-1][1]))
        return keys

    @property
    def signature(self) -> str:
        return self.type_name + "".join("+-"[down] + name for name, down in self.keys)

    def place(self, row: Row) -> list[Any]:
        """Where the row stands: its value of each key."""
        return [self.key_value(name, row) for name, _ in self.keys]

    def key_value(self, name: str, row: Row) -> Any:
        if name in {"ID", "POSTED"}:
            return row["id"]
        if name == "RELEVANCE":
            return float(self.score(row, self.arguments["filter"]["search"].strip()))
        head, *rest = ORDER_FIELDS.get(name, name.lower()).split("_")
        found = self.field(head + "".join(part.title() for part in rest), row)
        return FAR if found is None else found

    def compare(self, ours: list[Any], theirs: list[Any]) -> int:
        for (_, descending), a, b in zip(self.keys, ours, theirs, strict=True):
            if a != b:
                return -1 if (a < b) is not descending else 1
        return 0

    def cursor(self, row: Row) -> str:
        texts = [
            self.score(row, self.arguments["filter"]["search"].strip())
            if name == "RELEVANCE"
            else str(found)
            if isinstance(found, UUID)
            else "infinity"
            if found is FAR
            else as_json(found)
            for (name, _), found in zip(self.keys, self.place(row), strict=True)
        ]
        listed = json.dumps([self.signature, *texts], ensure_ascii=False)
        return urlsafe_b64encode(listed.encode()).decode().rstrip("=")

    def position(self, cursor: str) -> list[Any]:
        """A cursor's key values; ValueError when it is none of this list's."""
        try:
            signature, *texts = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (TypeError, ValueError):
            raise ValueError(cursor) from None
        if signature != self.signature or len(texts) != len(self.keys):
            raise ValueError(cursor)
        row = next(iter(self.sight.world.rows(TABLES[self.type_name])))
        return [
            parsed(text, self.key_value(name, row) if name != "RELEVANCE" else 0.0)
            for (name, _), text in zip(self.keys, texts, strict=True)
        ]

    # Pages

    @cached_property
    def page(self) -> "Page":
        return Page(self)


class Page:
    """A window on a listing."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        arguments = listing.arguments
        after, before = (
            listing.position(arguments[name]) if arguments.get(name) is not None else None
            for name in ("after", "before")
        )
        rows, compare = listing.matching, listing.compare
        past_after = [r for r in rows if after is None or compare(listing.place(r), after) > 0]
        before_end = [r for r in rows if before is None or compare(listing.place(r), before) < 0]
        inside = [row for row in past_after if row in before_end]
        if arguments.get("last") is not None:
            size = arguments["last"]
            self.rows = inside[-size:]
            self.has_previous = len(inside) > size
            self.has_next = before is not None and len(before_end) < len(rows)
        else:
            size = DEFAULT_PAGE if arguments.get("first") is None else arguments["first"]
            self.rows = inside[:size]
            self.has_next = len(inside) > size
            self.has_previous = after is not None and len(past_after) < len(rows)


def mentions(given: Any, name: str) -> bool:
    """Whether a filter speaks of a field, at any depth."""
    if isinstance(given, Mapping):
        return any(
            (key == name and inner is not None) or mentions(inner, name)
            for key, inner in given.items()
        )
    return isinstance(given, list) and any(mentions(each, name) for each in given)


def is_met(found: Any, asked: Any) -> bool:
    """A value against a StringFilter, DecimalFilter, DateFilter or a list."""
    if found is None:
        return all(operand is None for operand in asked.values()) if asked else True
    if isinstance(asked, list):
        return set(asked) <= set(found) if isinstance(found, list) else found in asked
    return all(
        _compares(found, operator, operand)
        for operator, operand in asked.items()
        if operand is not None
    )


def _compares(found: Any, operator: str, operand: Any) -> bool:
    if operator == "in":
        return found in operand
    if operator == "contains":
        return operand.casefold() in found.casefold()
    if operator == "startsWith":
        return found.casefold().startswith(operand.casefold())
    return COMPARISONS[operator](found, parsed(operand, found))


def parsed(text: Any, like: Any) -> Any:
    """Text as a value of the same kind as another."""
    if isinstance(like, Decimal):
        return Decimal(text)
    if isinstance(like, datetime):
        return datetime.fromisoformat(text)
    if isinstance(like, date):
        return FAR if text == "infinity" else date.fromisoformat(text)
    return type(like)(text)
