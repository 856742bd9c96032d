"""What inputs say of the rows that they set: who may supply it, and that leaving out keeps it."""

import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType
from graphql.pyutils import Undefined

from app.policies.inputs import TOLD_BY
from app.schema.root import schema

SCHEMA = schema._schema
SETS = {
    "CreateCustomerInput": "Customer",
    "UpdateCustomerInput": "Customer",
    "AssignCustomerInput": "Customer",
    "SaveProductInput": "Product",
    "SaveUserInput": "User",
}
"""Inputs that set the fields of a row, and its type."""
NO_FIELDS = {"id", "expectedVersion", "meta", "idempotencyKey", "password"}
DOCUMENTED_DEFAULTS = {"Meta.dryRun", "CreateCustomerInput.customerType"} | {
    "CreateCustomerInput.paymentTermsDays",
    "CreateFiscalYearInput.types",
    "LogoutInput.everywhere",
    "RecordPaymentInput.autoAllocate",
    "RunReconciliationInput.incremental",
}
"""Of inputs that save no row which is there already."""


def input_types() -> list[GraphQLInputObjectType]:
    return [
        each
        for each in SCHEMA.type_map.values()
        if isinstance(each, GraphQLInputObjectType) and not each.name.endswith(("Filter", "Order"))
    ]


def guard_of(type_name: str, field: str) -> str | None:
    named = SCHEMA.type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    definition = named.fields[field].extensions["strawberry-definition"]
    groups = [each.group for each in definition.directives if hasattr(each, "group")]
    return groups[0] if groups else None


@pytest.mark.parametrize("input_name", SETS)
def test_every_field_that_sets_one_is_supplied_by_who_reads_it(input_name: str) -> None:
    named = SCHEMA.type_map[input_name]
    assert isinstance(named, GraphQLInputObjectType)
    told = {each for each in TOLD_BY if each.startswith(f"{input_name}.")}
    assert told == {f"{input_name}.{name}" for name in named.fields if name not in NO_FIELDS}
    for each in told:
        name = each.partition(".")[2]
        assert TOLD_BY[each].coordinate == f"{SETS[input_name]}.{name}"
        assert TOLD_BY[each].group == guard_of(SETS[input_name], name)


def test_no_input_that_saves_a_row_has_a_default_that_could_overwrite() -> None:
    defaults = {
        f"{each.name}.{name}"
        for each in input_types()
        for name, field in each.fields.items()
        if field.default_value is not Undefined or getattr(field, "default", None) is not None
    }
    assert defaults - {each for each in defaults if each.endswith("Null")} == DOCUMENTED_DEFAULTS
