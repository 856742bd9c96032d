"""Dates and instants that the driver would take for infinity are nobody's dates."""

import pytest
from graphql import GraphQLError, GraphQLScalarType

from tests.planner.harness import GRAPHQL


@pytest.mark.parametrize(
    ("scalar", "text"),
    [
        ("Date", "9999-12-31"),
        ("Date", "0001-01-01"),
        ("Date", "2026-02-30"),
        ("DateTime", "9999-12-31T23:59:59.999999Z"),
        ("DateTime", "0001-01-01T00:00:00Z"),
        ("DateTime", "0001-01-01T00:00:00+10:00"),
        ("DateTime", "9999-12-31T23:59:59-10:00"),
        ("DateTime", "2026-01-01T00:00:00"),
    ],
)
def test_what_no_table_can_hold_as_it_is_is_refused(scalar: str, text: str) -> None:
    named = GRAPHQL.type_map[scalar]
    assert isinstance(named, GraphQLScalarType)
    with pytest.raises(GraphQLError):
        named.parse_value(text)
