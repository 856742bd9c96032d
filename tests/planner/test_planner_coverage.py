"""Nothing is silently slow, unguarded or unanswered: what is not planned is listed here."""

import pytest
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLNonNull, GraphQLObjectType

from app.schema.types.declaration import Connected, Leaf, One
from tests.planner.company import Company
from tests.planner.harness import GRAPHQL, GROUPS, PLAIN
from tests.planner.oracle_fields import MASKS, has_masked_form
from tests.planner.sight import TABLES

# What is no data: who is asking, what the rules say, and doing something.
UNPLANNED_TYPES = {
    *("Mutation", "Viewer", "Permission", "AccessDecision", "PolicyRule"),
    *("LoginPayload", "LogoutPayload", "UserError"),
}
UNPLANNED_FIELDS = {"Query.viewer"}
PLANNED_THERE = {"Viewer.user"}
CONNECTIVES = {"and", "or", "not", "search"}


def _lists(company: Company) -> list[tuple[str, str, GraphQLInputObjectType]]:
    """(coordinate, type of the rows, filter type) of every list that filters."""
    found = []
    for planned_type in company.planned.catalogue.types.values():
        for field in planned_type.fields.values():
            argument = field.graphql.args.get("filter")
            if isinstance(field.declaration, Connected) and argument is not None:
                assert isinstance(argument.type, GraphQLInputObjectType)
                found.append((field.coordinate, field.item, argument.type))
    return found


def test_only_what_is_no_data_is_not_planned(company: Company) -> None:
    unplanned = set(company.planned.catalogue.unplanned)
    of_types = {each for each in unplanned if each.partition(".")[0] in UNPLANNED_TYPES}
    assert unplanned - of_types == UNPLANNED_FIELDS
    assert not PLANNED_THERE & unplanned
    assert {each.partition(".")[0] for each in unplanned} == UNPLANNED_TYPES | {"Query"}


def test_every_filter_is_of_a_field_that_may_filter(company: Company) -> None:
    for coordinate, item, filter_type in _lists(company):
        planned_type = company.planned.catalogue.type(item)
        assert planned_type.source is not None
        for name in filter_type.fields:
            if name in CONNECTIVES:
                assert name != "search" or planned_type.source.searched, coordinate
                continue
            if name in planned_type.source.date_filters:
                continue
            absences = {
                field.declaration.absence
                for field in planned_type.fields.values()
                if isinstance(field.declaration, One)
            }
            field = planned_type.fields.get(name)
            is_filterable = (
                field is not None
                and isinstance(field.declaration, Leaf | One)
                and field.declaration.filterable
            )
            assert is_filterable or name in absences, f"{coordinate}: {name} has no meaning"


def test_every_filter_that_is_declared_is_offered(company: Company) -> None:
    for _, item, filter_type in _lists(company):
        for field in company.planned.catalogue.type(item).fields.values():
            if isinstance(field.declaration, Leaf | One) and field.declaration.filterable:
                assert field.name in filter_type.fields, field.coordinate


def test_every_order_is_of_a_declared_field(company: Company) -> None:
    for planned_type in company.planned.catalogue.types.values():
        offered = GRAPHQL.type_map.get(f"{planned_type.name}OrderField")
        if isinstance(offered, GraphQLEnumType):
            assert set(offered.values) <= set(planned_type.orders)


def test_every_default_order_is_declared(company: Company) -> None:
    for planned_type in company.planned.catalogue.types.values():
        for field in planned_type.fields.values():
            if isinstance(field.declaration, Connected) and field.declaration.order:
                assert field.declaration.order in company.planned.catalogue.type(field.item).orders


@pytest.mark.parametrize("coordinate", [each for each, group in GROUPS.items() if group])
def test_a_guarded_field_may_be_null(coordinate: str) -> None:
    type_name, _, field = coordinate.partition(".")
    named = PLAIN.type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    assert not isinstance(named.fields[field].type, GraphQLNonNull)


def test_the_sdl_says_of_every_guard_what_the_planner_knows(company: Company) -> None:
    declared = {
        field.coordinate: field.declaration.guard
        for planned_type in company.planned.catalogue.types.values()
        for field in planned_type.fields.values()
    }
    assert declared == {each: GROUPS[each] for each in declared}


def test_the_oracle_knows_every_mask(company: Company) -> None:
    masked = {
        field.coordinate
        for planned_type in company.planned.catalogue.types.values()
        for field in planned_type.fields.values()
        if isinstance(field.declaration, Leaf) and field.declaration.mask
    }
    assert masked == set(MASKS)
    assert all(has_masked_form(PLAIN, each) for each in masked)


def test_the_world_has_rows_of_every_type_that_has_rows(company: Company) -> None:
    for planned_type in company.planned.catalogue.types.values():
        if planned_type.source is not None and planned_type.source.key:
            assert len(company.world.rows(TABLES[planned_type.name])) > 2
