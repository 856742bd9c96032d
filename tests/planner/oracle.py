"""A second implementation of reading: graphql-core over rows in memory, guard by guard.

It shares with the planner the schema's text and the compiled grants, and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from graphql import (
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    execute_sync,
    get_named_type,
    parse,
)
from graphql.execution.values import get_variable_values

from app.domain.errors import DomainError
from app.domain.global_id import decode
from tests.planner.oracle_computed import COMPUTATIONS
from tests.planner.oracle_fields import (
    LIST_ORDER,
    MANY,
    MASKS,
    as_json,
    has_masked_form,
    is_relation,
    one,
    one_type,
    value,
)
from tests.planner.oracle_lists import DATE_FILTERS, Listing, Page, Scores
from tests.planner.oracle_recorded import RECORDED, content
from tests.planner.sight import EMBEDDED, PARTS, TABLES, Sight
from tests.planner.survey import LOOKUPS, Refusal, Survey
from tests.planner.world import Row


@dataclass(frozen=True)
class Thing:
    """A visible row as an object of its type; `masked`, of an embedded object, shows its form."""

    type_name: str
    row: Row
    masked: bool = False


@dataclass(frozen=True)
class Edge:
    page: Page
    row: Row


@dataclass(frozen=True)
class Expected:
    """What the planner must answer: data, or one of the refusals."""

    data: Any
    refusals: tuple[Refusal, ...]
    withheld: frozenset[str]
    masked: frozenset[str]
    nested_rows: int
    characters: int
    types: tuple[str, ...]
    """The types of the objects whose declared type is an interface, as they come."""


class Oracle:
    """Answers operations for one viewer of one world."""

    def __init__(self, schema: GraphQLSchema, sight: Sight, scores: Scores) -> None:
        self.schema = schema
        self.sight = sight
        self.scores = scores
        self.types: list[str] = []

    def answer(self, text: str, variables: Mapping[str, Any]) -> Expected:
        document = parse(text)
        operation = next(d for d in document.definitions if isinstance(d, OperationDefinitionNode))
        coerced = get_variable_values(
            self.schema, operation.variable_definitions or (), dict(variables)
        )
        assert not isinstance(coerced, list), coerced
        survey = Survey(self.sight, self.schema, document, coerced).run()
        self.types = []
        data = None
        if not survey.refusals:
            result = execute_sync(
                self.schema,
                document,
                variable_values=dict(variables),
                field_resolver=self._resolve,
                type_resolver=self._type_of,
            )
            assert not result.errors, (text, variables, result.errors)
            data = result.data
        return Expected(
            data=data,
            refusals=tuple(survey.refusals),
            withheld=frozenset(survey.withheld),
            masked=frozenset(survey.masked),
            nested_rows=survey.nested_rows,
            characters=survey.characters,
            types=tuple(self.types),
        )

    def _type_of(self, thing: Thing, _info: Any, _type: Any) -> str:
        self.types.append(thing.type_name)
        return thing.type_name

    def _resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if source is None:
            return self._root(info, arguments)
        if isinstance(source, Thing):
            return self._field(source, info.field_name, info, arguments)
        if isinstance(source, Edge):
            return self._edge(source, info.field_name)
        assert isinstance(source, Page)
        return self._page_field(source, info.field_name)

    def _root(self, info: GraphQLResolveInfo, arguments: Mapping[str, Any]) -> Any:
        name = info.field_name
        if name == "node":
            return self._by_id(arguments["id"])
        if name == "nodes":
            return [self._by_id(each) for each in arguments["ids"]]
        target = get_named_type(info.return_type).name
        item = target.removesuffix("Connection")
        allowed = self.sight.query(name, item)
        rows = [
            row
            for row in self.sight.world.rows(TABLES[item])
            if allowed.holds(self.sight.facts(item, row))
        ]
        if name in LOOKUPS:
            found = [row for row in rows if self._is_meant(item, row, arguments)]
            return Thing(item, found[0]) if found else None
        if target == item:
            return self._list(item, rows)
        return self._listing(f"Query.{name}", item, rows, arguments).page

    def _is_meant(self, item: str, row: Row, arguments: Mapping[str, Any]) -> bool:
        ((name, asked),) = ((name, each) for name, each in arguments.items() if each is not None)
        if (item, name) in DATE_FILTERS:
            covered = DATE_FILTERS[item, name](row, date.fromisoformat(asked))
            return covered and row["type"] == "MONTHLY"
        return value(self.sight.world, item, name, row) == asked

    def _by_id(self, text: str) -> Thing | None:
        try:
            meant = decode(text)
        except DomainError:
            return None
        if meant.type_name not in TABLES:
            return None
        row = self.sight.world.find(TABLES[meant.type_name], meant.id)
        if row is None or (row.get("customer_id") != meant.customer_id and meant.customer_id):
            return None
        return Thing(meant.type_name, row) if self.sight.sees(meant.type_name, row) else None

    def _field(
        self, thing: Thing, name: str, info: GraphQLResolveInfo, arguments: Mapping[str, Any]
    ) -> Any:
        type_name, row, world = thing.type_name, thing.row, self.sight.world
        coordinate = f"{type_name}.{name}"
        shown = self.sight.shows(type_name, name, row)
        if thing.masked and shown == "whole":
            shown = "masked"
        if shown == "masked" and not has_masked_form(self.schema, coordinate):
            shown = "withheld"
        target = get_named_type(info.return_type).name
        is_there = target != "Address" or row["address_line1"] is not None
        if shown == "withheld" or not is_there:
            return None
        if target in EMBEDDED:
            return Thing(target, row, masked=shown == "masked")
        if coordinate in COMPUTATIONS:
            return self._computed(target, COMPUTATIONS[coordinate](world, row, arguments))
        if is_relation(self.schema, type_name, name):
            return self._relation(thing, name, target, arguments)
        if coordinate in RECORDED:
            found = content(self.sight, self.schema, row, RECORDED[coordinate])
        else:
            found = value(world, type_name, name, row)
        if shown == "masked" and found is not None:
            return MASKS[coordinate](found)
        return as_json(found)

    def _computed(self, target: str, made: Any) -> Any:
        if not isinstance(made, list):
            return Thing(target, made)
        return [
            Thing(target, each)
            for each in made
            if target not in PARTS or self.sight.sees(target, each)
        ]

    def _relation(self, thing: Thing, name: str, target: str, arguments: Mapping[str, Any]) -> Any:
        coordinate = f"{thing.type_name}.{name}"
        world, row = self.sight.world, thing.row
        if coordinate not in MANY:
            item = one_type(self.schema, thing.type_name, name)
            found = self.sight.seen(item, one(world, self.schema, thing.type_name, name, row))
            return Thing(item, found) if found else None
        item = target.removesuffix("Connection")
        rows = [each for each in MANY[coordinate](world, row) if self.sight.sees(item, each)]
        if target == item:
            return self._list(item, rows)
        return self._listing(coordinate, item, rows, arguments).page

    def _list(self, item: str, rows: list[Row]) -> list[Thing]:
        return [Thing(item, row) for row in sorted(rows, key=lambda row: row[LIST_ORDER[item]])]

    def _listing(
        self, coordinate: str, item: str, rows: list[Row], arguments: Mapping[str, Any]
    ) -> Listing:
        return Listing(self.sight, self.schema, self.scores, coordinate, item, rows, arguments)

    def _page_field(self, page: Page, name: str) -> Any:
        listing = page.listing
        if name == "edges":
            return [Edge(page, row) for row in page.rows]
        if name == "nodes":
            return [Thing(listing.type_name, row) for row in page.rows]
        if name == "pageInfo":
            return page
        if name == "totalCount":
            return len(listing.matching)
        if name in {"startCursor", "endCursor"}:
            row = page.rows[0 if name == "startCursor" else -1] if page.rows else None
            return None if row is None else listing.cursor(row)
        return page.has_next if name == "hasNextPage" else page.has_previous

    def _edge(self, edge: Edge, name: str) -> Any:
        listing = edge.page.listing
        return listing.cursor(edge.row) if name == "cursor" else Thing(listing.type_name, edge.row)
