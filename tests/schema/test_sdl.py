"""The committed SDL is the program's, and keeps what the public contract promises."""

from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)

from app.schema.root import schema

ROOT = Path(__file__).parents[2]
CONTRACT = ROOT.parent / "shared" / "contract" / "schema.graphql"
FIGURES = ("Advance", "Pending")
NULLABLE = (
    "accountingPeriods",
    "driftFindings",
    "ledgerEntries",
    "products",
    "reconciliationRuns",
    "teams",
    "users",
)
# Fields that the contract does not have: it allows adding.
ADDED = {"DriftFinding.figures"}
# What the contract has otherwise since it was revised: docs/adr/0009.
LATER = {
    *(f"AccountingPeriod.{name}" for name in ("closedBy", "lockedBy")),
    "AuditEvent.actor",
    "BalanceGroup.entries",
    "Customer.legalHold",
    *(f"DriftFinding.{kind}{name}" for kind in ("computed", "stored") for name in FIGURES),
    *(f"DriftFinding.{name}" for name in ("currency", "resolvedBy")),
    *(f"LedgerEntry.{name}" for name in ("number", "postedBy")),
    *(f"Query.{name}" for name in NULLABLE),
    "Query.product(sku:)",
    "ReconciliationRun.startedBy",
    "RefreshInput.refreshToken",
    "Statement.lines",
}


def test_the_committed_sdl_is_the_programs_own() -> None:
    committed = (ROOT / "schema.graphql").read_text(encoding="utf-8")
    assert committed.strip() == schema.as_str().strip(), "run `make schema`"


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not part of the repository")
def test_every_name_and_type_is_the_contracts() -> None:
    contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
    ours = build_schema(schema.as_str())
    assert set(_differences(ours, contract)) - LATER == ADDED


@pytest.mark.skipif(not CONTRACT.exists(), reason="the contract is not part of the repository")
def test_every_field_is_guarded_as_the_contract_says() -> None:
    contract = build_schema(CONTRACT.read_text(encoding="utf-8"))
    ours = build_schema(schema.as_str())
    assert {
        coordinate: group
        for coordinate, group in _guards(contract).items()
        if coordinate in _coordinates(ours)
    } == _guards(ours)


def _coordinates(given: GraphQLSchema) -> set[str]:
    return {
        f"{name}.{field}"
        for name, named in given.type_map.items()
        if isinstance(named, GraphQLObjectType) and not name.startswith("__")
        for field in named.fields
    }


def _guards(given: GraphQLSchema) -> dict[str, str]:
    """The group of every guarded field."""
    found = {}
    for coordinate in _coordinates(given):
        type_name, _, name = coordinate.partition(".")
        node = given.type_map[type_name].fields[name].ast_node
        for directive in (node.directives or ()) if node else ():
            if directive.name.value == "guarded":
                found[coordinate] = directive.arguments[0].value.value
    return found


def _differences(ours: GraphQLSchema, contract: GraphQLSchema) -> list[str]:
    found: list[str] = []
    for name, mine in ours.type_map.items():
        theirs = contract.type_map.get(name)
        if theirs is None:
            found.append(name)
        elif not name.startswith("__"):
            found += _type_differences(mine, theirs)
    return found


def _type_differences(mine: GraphQLNamedType, theirs: GraphQLNamedType) -> list[str]:
    if isinstance(mine, GraphQLEnumType) and isinstance(theirs, GraphQLEnumType):
        return [f"{mine.name}.{value}" for value in set(mine.values) - set(theirs.values)]
    kinds = (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType)
    if not isinstance(mine, kinds):
        return [] if type(mine) is type(theirs) else [mine.name]
    assert isinstance(theirs, kinds)
    found = []
    for name, field in mine.fields.items():
        promised = theirs.fields.get(name)
        if promised is None or str(promised.type) != str(field.type):
            found.append(f"{mine.name}.{name}")
            continue
        arguments = getattr(field, "args", {})
        promised_arguments = getattr(promised, "args", {})
        found += [
            f"{mine.name}.{name}({argument}:)"
            for argument, declared in arguments.items()
            if argument not in promised_arguments
            or str(promised_arguments[argument].type) != str(declared.type)
        ]
    return found
