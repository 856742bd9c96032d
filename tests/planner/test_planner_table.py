"""Every coordinate x role x row, from the table of roles: whole, masked, withheld, or not there."""

from typing import Any

import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.roles import Role
from app.policies.scopes import Scope
from tests.planner.company import Company
from tests.planner.harness import GROUPS, PLAIN, sight_of
from tests.planner.oracle_computed import COMPUTATIONS
from tests.planner.oracle_fields import MANY, MASKS, TAGS, as_json, global_id, value
from tests.planner.oracle_recorded import RECORDED, SUBJECTS, chains, content
from tests.planner.sight import COMPUTED, EMBEDDED, OWNED, TABLES, Sight
from tests.planner.world import Row
from tests.policies.test_policy_table import CELLS, READ_ROWS

ROLES = {
    Role(name.upper()): name
    for name in (
        *("admin", "controller", "accountant", "credit_manager", "sales_manager", "sales_rep"),
        *("support", "auditor", "integrator", "customer"),
    )
}
LABELS = {target: label for label, targets in READ_ROWS.items() for target in targets}
LABELS["audit.content"] = "auditEvents, audit.content"
FINDINGS = "reconciliation, drift"
ARGUMENTS = {"statement": '(from: "2026-01-01", to: "2026-03-31")'}


def _condition(cell: str) -> ScopeCondition:
    return NEVER if cell in {"-", "mask"} else ScopeCondition.of(Scope(cell))


def rows_of(role: Role, type_name: str, sight: Sight) -> ScopeCondition:
    """The rows that the table lets a role see. Of types it is silent on, docs/adr/0003 decides."""
    customers = _condition(CELLS["customers: rows", role])
    if type_name == "AuditEvent":
        return NEVER if CELLS["auditEvents, audit.content", role] == "-" else customers
    if type_name == "DriftFinding":
        return NEVER if CELLS[FINDINGS, role] == "-" else customers
    if type_name == "ReconciliationRun":
        return NEVER if CELLS[FINDINGS, role] == "-" else ALWAYS
    if type_name == "Customer" or type_name in OWNED:
        return customers
    if type_name in {"Product", "AccountingPeriod"}:
        return NEVER if role is Role.CUSTOMER else ALWAYS
    return sight.rows(type_name)


def access_of(role: Role, group: str | None) -> tuple[ScopeCondition, ScopeCondition]:
    """Where a field of the group is whole, and where masked."""
    if group is None:
        return ALWAYS, NEVER
    if group == "audit.content":
        return (ALWAYS if CELLS["auditEvents, audit.content", role] == "ALL" else NEVER), NEVER
    cell = CELLS[LABELS[group], role]
    return _condition(cell), ALWAYS if cell == "mask" else NEVER


def _selected(type_name: str, field: str) -> str:
    """The field with the leaves under it."""
    named = get_named_type(PLAIN.type_map[type_name].fields[field].type)
    if is_leaf_type(named):
        return field
    return f"{field}{ARGUMENTS.get(field, '')} {{ __typename {' '.join(_leaves(named.name))} }}"


def _leaves(type_name: str) -> list[str]:
    named = PLAIN.type_map[type_name]
    if type_name not in EMBEDDED or not isinstance(named, GraphQLObjectType):
        return []
    return list(named.fields)


@pytest.mark.parametrize("role", ROLES, ids=str)
@pytest.mark.parametrize("type_name", TAGS)
def test_every_field_of_every_row_is_what_the_table_says(
    company: Company, type_name: str, role: Role
) -> None:
    """All rows of the company: own ones, those of the team, of others, of the portal's customer."""
    sight = sight_of(company.world, ROLES[role])
    visible = rows_of(role, type_name, sight)
    for field in PLAIN.type_map[type_name].fields:
        group = GROUPS[f"{type_name}.{field}"]
        whole, masked = access_of(role, group)
        ids = [global_id(type_name, row) for row in company.world.rows(TABLES[type_name])]
        selected = f"... on {type_name} {{ {_selected(type_name, field)} }}"
        text = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {selected} }} }}"
        outcome = company.planned.ask(sight.viewer, text, {"ids": ids[:100]})
        found = orjson.loads(outcome.json or "")["nodes"]
        for row, answer in zip(company.world.rows(TABLES[type_name]), found, strict=False):
            facts = sight.facts(type_name, row)
            if not visible.holds(facts):
                assert answer is None
            elif whole.holds(facts):
                _check_whole(sight, type_name, field, row, answer[field])
            elif masked.holds(facts) and _mask(type_name, field):
                assert answer[field] == _masked(sight, type_name, field, row)
            else:
                assert answer[field] is None
        coordinates = {f"{type_name}.{field}"}
        if coordinates <= RECORDED.keys() and not (whole & visible).is_never:
            coordinates |= {chain[0] for each in SUBJECTS for chain in chains(PLAIN, each)}
        said = [_kept_back(role, each, visible) for each in coordinates]
        assert set(outcome.masked) == {name for name, (is_masked, _) in said if is_masked}
        assert set(outcome.withheld) == {name for name, (_, is_withheld) in said if is_withheld}


def _kept_back(
    role: Role, coordinate: str, visible: ScopeCondition
) -> tuple[str, tuple[bool, bool]]:
    """Whether a field is masked on some row, and withheld on some."""
    whole, masked = access_of(role, GROUPS[coordinate])
    is_masked = not (masked & visible).is_never and _mask(*coordinate.split("."))
    kept = whole | masked if is_masked else whole
    return coordinate, (is_masked, not kept.covers(visible))


def _mask(type_name: str, field: str) -> bool:
    target = get_named_type(PLAIN.type_map[type_name].fields[field].type).name
    return f"{type_name}.{field}" in MASKS or target == "Address"


def _masked(sight: Sight, type_name: str, field: str, row: Row) -> Any:
    if f"{type_name}.{field}" in MASKS:
        plain = value(sight.world, type_name, field, row)
        return None if plain is None else MASKS[f"{type_name}.{field}"](plain)
    if row["address_line1"] is None:
        return None
    parts = {each: row[f"address_{column}"] for each, column in _address()}
    shown = {
        each: None if part is None else MASKS[f"Address.{each}"](part)
        for each, part in parts.items()
    }
    return {"__typename": "Address", **shown}


def _address() -> list[tuple[str, str]]:
    return [
        (each, "postal_code" if each == "postalCode" else each)
        for each in PLAIN.type_map["Address"].fields
    ]


def _check_whole(sight: Sight, type_name: str, field: str, row: Row, answer: Any) -> None:
    coordinate = f"{type_name}.{field}"
    target = get_named_type(PLAIN.type_map[type_name].fields[field].type)
    if coordinate in RECORDED:
        assert answer == content(sight, PLAIN, row, RECORDED[coordinate])
    elif is_leaf_type(target):
        assert answer == as_json(value(sight.world, type_name, field, row))
    elif target.name == "Address" and row["address_line1"] is None:
        assert answer is None
    elif target.name in EMBEDDED:
        leaves = {each: value(sight.world, target.name, each, row) for each in target.fields}
        assert answer == {"__typename": target.name, **leaves}
    elif coordinate in MANY or coordinate in COMPUTATIONS or target.name in COMPUTED:
        assert answer is not None
