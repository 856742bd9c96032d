"""Every question that a list can be asked: each order and each condition of its filter, by itself.

Made from the schema, so that a field which becomes filterable is asked for, too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    get_named_type,
    get_nullable_type,
)

from tests.planner.harness import PLAIN

TODAY = datetime.now(UTC).date()
LONG_AGO = TODAY.replace(year=TODAY.year - 1, month=1, day=2)
# Values that few rows meet, many, or none: what a condition keeps decides how it is best read.
PROBES: Mapping[str, tuple[str, ...]] = {
    "StringFilter": (
        '{ eq: "C000300" }',
        '{ in: ["C000300", "INV-000300"] }',
        '{ startsWith: "C0003" }',
        '{ contains: "Golden" }',
        '{ contains: "accounts311@" }',
        '{ contains: "nowhere" }',
    ),
    "DecimalFilter": (
        '{ eq: "1234.56" }',
        '{ gt: "9000" }',
        '{ gte: "0" }',
        '{ lt: "0" }',
        '{ lte: "9000" }',
        '{ gt: "100000000" }',
    ),
    "DateFilter": (
        f'{{ eq: "{TODAY - timedelta(days=200)}" }}',
        f'{{ gte: "{TODAY + timedelta(days=29)}" }}',
        f'{{ lte: "{LONG_AGO}" }}',
        f'{{ gte: "{LONG_AGO}" }}',
        f'{{ lte: "{TODAY}" }}',
        '{ gte: "2999-01-01" }',
    ),
    "Boolean": ("true", "false"),
    "Date": (f'"{TODAY}"',),
}
SEARCHES = ("Trading", "Golden", "C000311", "accounts311", "nowhere at all", "a")
TAGS = ('["books"]', '["key"]', '["key", "books"]', '["none"]')


@dataclass(frozen=True, kw_only=True)
class Question:
    """`list_of` names the list by its coordinate; `asked` is what is asked of it."""

    list_of: str
    asked: str
    text: str


def questions(ids: Mapping[str, str]) -> Iterator[Question]:
    """Of every list that there is. `ids` are global ids, by type, for conditions and parents."""
    for type_name, graphql_type in PLAIN.type_map.items():
        for name, field in getattr(graphql_type, "fields", {}).items():
            if not str(get_named_type(getattr(field, "type", None))).endswith("Connection"):
                continue
            coordinate = f"{type_name}.{name}"
            for asked, arguments in _asked(field.args, ids):
                text = f"{name}({arguments}) {{ {_selected(asked)} }}"
                if type_name != "Query":
                    text = f'node(id: "{ids[type_name]}") {{ ... on {type_name} {{ {text} }} }}'
                yield Question(list_of=coordinate, asked=asked, text=f"{{ {text} }}")


def _selected(asked: str) -> str:
    if asked == "totalCount":
        return "totalCount"
    return "nodes { __typename } pageInfo { hasNextPage endCursor }"


def _asked(args: Mapping[str, object], ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    yield "first", "first: 10"
    yield "totalCount", "first: 1"
    if "last" in args:
        yield "last", "last: 10"
    if "orderBy" in args:
        for name in get_named_type(args["orderBy"].type).fields["field"].type.of_type.values:  # type: ignore[attr-defined]
            for direction in ("ASC", "DESC"):
                order = f"orderBy: [{{ field: {name}, direction: {direction} }}]"
                yield f"by {name} {direction}", f"first: 10, {order}"
    if "filter" in args:
        for condition in _conditions(get_named_type(args["filter"].type), ids):  # type: ignore[attr-defined]
            yield condition, f"first: 10, filter: {{ {condition} }}"


def _conditions(given: GraphQLInputObjectType, ids: Mapping[str, str]) -> Iterator[str]:
    for name, field in given.fields.items():
        named = get_named_type(field.type)
        if named is given:
            continue
        if name == "search":
            yield from (f'search: "{each}"' for each in SEARCHES)
        elif name == "tags":
            yield from (f"tags: {each}" for each in TAGS)
        elif isinstance(named, GraphQLEnumType):
            yield from (f"{name}: [{each}]" for each in named.values)
            yield f"{name}: [{', '.join(named.values)}]"
        elif named.name == "ID":
            value = f'"{ids[name]}"'
            listed = isinstance(get_nullable_type(field.type), GraphQLList)
            yield f"{name}: {f'[{value}]' if listed else value}"
        else:
            yield from (f"{name}: {each}" for each in PROBES[named.name])
