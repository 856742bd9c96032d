"""What an audit event keeps of a row is shown as far as the row's own fields are."""

from functools import cache
from typing import Any

import orjson
from graphql import GraphQLObjectType, GraphQLSchema, get_named_type, is_leaf_type

from app.models import metadata
from app.policies.conditions import ALWAYS
from tests.planner.oracle_fields import MASKS, has_masked_form, snake
from tests.planner.sight import EMBEDDED, TABLES, Sight
from tests.planner.world import Row

RECORDED = {"AuditEvent.before": "before", "AuditEvent.after": "after"}
SUBJECTS = ("Customer", "LedgerEntry", "Allocation", "DriftFinding", "AuditEvent")
PREFIXES = {"Address": "address_", "CustomerPreferences": ""}
RENAMED = {
    "Customer.pendingBalance": "pending",
    "Customer.advanceBalance": "advance",
    "Customer.currentBalance": "current",
    "Customer.creditLimit": "credit_limit",
    "Customer.effectiveCreditLimit": "credit_limit",
}

REFERENCES = {"Customer.assignedTo": "User"}
"""Fields whose column is the id of another row."""

Chain = tuple[str, ...]
"""A field, or a field and one of the object that it embeds."""


@cache
def chains(schema: GraphQLSchema, subject: str) -> dict[Chain, str]:
    """The column of every field that is nothing but one."""
    found: dict[Chain, str] = {}
    columns = metadata.tables[TABLES[subject]].columns
    graphql_type = schema.type_map[subject]
    assert isinstance(graphql_type, GraphQLObjectType)
    for name, field in graphql_type.fields.items():
        coordinate = f"{subject}.{name}"
        target = get_named_type(field.type)
        if target.name in EMBEDDED:
            assert isinstance(target, GraphQLObjectType)
            for part in target.fields:
                found[coordinate, f"{target.name}.{part}"] = PREFIXES[target.name] + snake(part)
        elif coordinate in RENAMED:
            found[(coordinate,)] = RENAMED[coordinate]
        elif coordinate in REFERENCES or (
            name != "id" and is_leaf_type(target) and snake(name) in columns
        ):
            found[(coordinate,)] = snake(name)
    return found


def content(sight: Sight, schema: GraphQLSchema, event: Row, column: str) -> Any:
    """What the viewer sees of an event whose content they may see."""
    if event[column] is None:
        return None
    given = orjson.loads(event[column])
    if event["subject_type"] not in SUBJECTS:
        return given
    if not sight.rows(event["subject_type"]).holds(sight.facts("AuditEvent", event)):
        return None
    by_key: dict[str, Chain] = {}
    for chain, key in chains(schema, event["subject_type"]).items():
        by_key.setdefault(key, chain)
    return {
        key: _shown(sight, schema, event, by_key[key], each) if key in by_key else each
        for key, each in sorted(given.items(), key=_as_stored)
    }


def sees_reference(sight: Sight, coordinate: str) -> bool:
    """Ids of other rows are for who sees all of those."""
    related = REFERENCES.get(coordinate)
    return related is None or sight.rows(related).covers(ALWAYS)


def _as_stored(item: tuple[str, Any]) -> tuple[int, bytes]:
    """The order in which jsonb keeps keys."""
    key = item[0].encode()
    return len(key), key


def _shown(sight: Sight, schema: GraphQLSchema, event: Row, chain: Chain, given: Any) -> Any:
    facts = sight.facts("AuditEvent", event)
    state = "whole"
    if not sees_reference(sight, chain[0]):
        return None
    for coordinate in chain:
        access = sight.access(coordinate)
        if access.when_whole.holds(facts):
            continue
        if not (has_masked_form(schema, coordinate) and access.when_masked.holds(facts)):
            return None
        state = "masked"
    if state == "whole" or given is None:
        return given
    return MASKS[chain[-1]](given)
