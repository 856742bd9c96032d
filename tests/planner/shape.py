"""Lets graphql-core complete a planned answer against the schema: types, nulls, lists, fragments.

The answer is used as the root value, read by response key. Whatever graphql-core would not have
answered itself from the same values shows as an error or as a difference.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import (
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    build_schema,
    execute_sync,
    parse,
)

from app.domain.currency import MINOR_UNIT_DIGITS

FORMS = {
    "Decimal": re.compile(r"-?\d+(\.\d+)?"),
    "Date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "DateTime": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z"),
    "Currency": re.compile("|".join(MINOR_UNIT_DIGITS)),
    "Cursor": re.compile(r"[A-Za-z0-9_-]+"),
}
"""How the contract's own scalars must look; graphql-core knows about the others."""


def strict_schema(sdl: str) -> GraphQLSchema:
    """The schema with scalars that accept only what the contract says they look like."""
    schema = build_schema(sdl)
    for name, form in FORMS.items():
        scalar = schema.type_map[name]
        assert isinstance(scalar, GraphQLScalarType)
        scalar.coerce_output_value = _checked(name, form)
    return schema


def _checked(name: str, form: re.Pattern[str]) -> Any:
    def serialize(given: Any) -> str:
        if not isinstance(given, str) or not form.fullmatch(given):
            raise ValueError(f"{given!r} is no {name}")
        return given

    return serialize


def completed(
    schema: GraphQLSchema,
    text: str,
    variables: Mapping[str, Any],
    answer: Any,
    types: Sequence[str],
) -> Any:
    """The answer as graphql-core completes it; raises what graphql-core finds wrong with it."""

    def by_response_key(source: Any, info: GraphQLResolveInfo, **_arguments: Any) -> Any:
        return source[info.path.key]

    in_turn = iter(types)

    def type_of(_source: Any, _info: Any, _type: Any) -> str:
        return next(in_turn)

    result = execute_sync(
        schema,
        parse(text),
        root_value=answer,
        variable_values=dict(variables),
        field_resolver=by_response_key,
        type_resolver=type_of,
    )
    assert not result.errors, result.errors
    return result.data
