"""`explainAccess` and `viewer.permissions` tell what the grant does."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.policies.compile import compile_grant
from app.policies.conditions import SITUATIONS
from app.policies.explain import explain
from app.policies.listing import Permission, list_permissions
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.policies.rules import Action, Effect
from app.policies.scopes import Scope

SHIPPED = shipped_policy()
USER = UUID("0192f0c1-2345-7abc-8def-0123456789ab")
FIELDS = {
    "Customer.code": None,
    "Customer.email": "customer.contact",
    "Customer.creditLimit": "customer.credit",
    "Query.users": "User",
    "Mutation.recordPayment": None,
    "UpdateCustomerInput.taxId": None,
}


@settings(max_examples=60, deadline=None)
@given(
    roles=st.frozensets(st.sampled_from(Role), max_size=3),
    coordinate=st.sampled_from(sorted(FIELDS)),
    facts=st.sampled_from(SITUATIONS),
)
def test_an_explanation_agrees_with_the_grant(roles, coordinate, facts):
    declared = FIELDS[coordinate]
    access = compile_grant(SHIPPED, user_id=None, roles=roles).access(coordinate, declared)
    told = explain(
        SHIPPED, user_id=None, roles=roles, coordinate=coordinate, declared=declared, facts=facts
    )
    if access.when_whole.holds(facts):
        assert told.effect is Effect.ALLOW
    else:
        assert told.effect is (Effect.MASK if access.when_masked.holds(facts) else Effect.DENY)
    assert (told.scope is Scope.NONE) is (told.effect is Effect.DENY)


def test_it_names_the_rule_that_allows():
    told = explain(
        SHIPPED,
        user_id=None,
        roles=[Role.SALES_REP, Role.AUDITOR],
        coordinate="Customer.email",
        declared="customer.contact",
    )
    assert (told.effect, told.scope) == (Effect.ALLOW, Scope.OWN)
    assert [(each.subject, each.object) for each in told.rules] == [
        ("SALES_REP", "customer.contact")
    ]


def test_it_names_the_rule_that_decides_for_this_row():
    told = explain(
        SHIPPED,
        user_id=None,
        roles=[Role.SALES_REP, Role.AUDITOR],
        coordinate="Customer.email",
        declared="customer.contact",
        facts={Scope.TEAM},
    )
    assert (told.effect, told.scope) == (Effect.MASK, Scope.ALL)
    assert [each.subject for each in told.rules] == ["AUDITOR"]


def test_it_names_the_rule_that_denies(policy_of):
    policy = policy_of("SUPPORT customer.contact ALL ALLOW", f"user:{USER} Customer.email ALL DENY")
    told = explain(
        policy,
        user_id=USER,
        roles=[Role.SUPPORT],
        coordinate="Customer.email",
        declared="customer.contact",
    )
    assert (told.effect, told.scope) == (Effect.DENY, Scope.NONE)
    assert [each.subject for each in told.rules] == [f"user:{USER}"]


def test_nothing_said_is_a_denial_without_a_rule():
    told = explain(SHIPPED, user_id=None, roles=[Role.CUSTOMER], coordinate="Mutation.postInvoice")
    assert (told.effect, told.scope, told.rules) == (Effect.DENY, Scope.NONE, ())


@pytest.mark.parametrize("role", Role)
def test_permissions_list_exactly_what_is_not_refused(role: Role):
    grant = compile_grant(SHIPPED, user_id=None, roles=[role])
    listed = {each.coordinate for each in list_permissions(grant, FIELDS)}
    assert {each for each in FIELDS if each in listed} == {
        each for each, declared in FIELDS.items() if not grant.access(each, declared).is_none
    }
    assert not any(each[0].islower() for each in listed)


def test_permissions_say_how_far_they_reach():
    grant = compile_grant(SHIPPED, user_id=None, roles=[Role.SALES_REP, Role.AUDITOR])
    listed = list_permissions(grant, {"Customer.email": "customer.contact"})
    assert [each for each in listed if each.coordinate == "Customer.email"] == [
        Permission("Customer.email", Action.READ, Scope.OWN, Effect.ALLOW),
        Permission("Customer.email", Action.READ, Scope.ALL, Effect.MASK),
    ]


def test_permissions_show_what_is_taken_out(policy_of):
    policy = policy_of("SUPPORT customer.notes ALL ALLOW", "SUPPORT Customer.notes OWN DENY")
    grant = compile_grant(policy, user_id=None, roles=[Role.SUPPORT])
    assert list_permissions(grant, {"Customer.notes": "customer.notes"}) == (
        Permission("Customer.notes", Action.READ, Scope.ALL, Effect.ALLOW),
        Permission("Customer.notes", Action.READ, Scope.OWN, Effect.DENY),
    )
