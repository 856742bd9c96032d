"""How rules combine: within a role, over roles, for a user, for fields, queries and inputs."""

from uuid import UUID

import pytest

from app.domain.errors import Forbidden
from app.policies.actor import Actor
from app.policies.compile import compile_grant
from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.grant import Access
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.policies.scopes import Scope

USER = UUID("0192f0c1-2345-7abc-8def-0123456789ab")
OTHER = UUID("0192f0c1-2345-7abc-8def-0123456789ac")
OWN = ScopeCondition.of(Scope.OWN)
TEAM = ScopeCondition.of(Scope.TEAM)
MINE = f"user:{USER}"


def _email(policy, *roles: Role, user_id: UUID | None = USER) -> Access:
    grant = compile_grant(policy, user_id=user_id, roles=roles)
    return grant.field("Customer.email", "customer.contact")


def test_nothing_said_is_deny(policy_of):
    assert _email(policy_of(), Role.SUPPORT).is_none


def test_deny_beats_mask_beats_allow_within_a_role(policy_of):
    policy = policy_of(
        "SUPPORT customer.contact ALL ALLOW",
        "SUPPORT Customer.email TEAM MASK",
        "SUPPORT Customer.email OWN DENY",
    )
    assert _email(policy, Role.SUPPORT) == Access(ALWAYS - TEAM - OWN, TEAM - OWN)


def test_a_rule_on_the_group_denies_what_one_on_the_coordinate_allows(policy_of):
    policy = policy_of("SUPPORT Customer.email ALL ALLOW", "SUPPORT customer.contact ALL DENY")
    assert _email(policy, Role.SUPPORT).is_none


def test_roles_are_additive(policy_of):
    policy = policy_of(
        "SUPPORT customer.contact ALL ALLOW",
        "SUPPORT customer.contact OWN DENY",
        "SALES_REP customer.contact OWN ALLOW",
        "AUDITOR customer.contact ALL MASK",
    )
    assert _email(policy, Role.SUPPORT).when_whole == ALWAYS - OWN
    assert _email(policy, Role.SUPPORT, Role.SALES_REP).is_whole_for(ALWAYS)
    assert _email(policy, Role.SALES_REP, Role.AUDITOR) == Access(OWN, ALWAYS - OWN)


def test_what_every_role_denies_is_denied(policy_of):
    policy = policy_of(
        "SUPPORT customer.contact ALL ALLOW",
        "SUPPORT customer.contact OWN DENY",
        "ADMIN customer.contact ALL ALLOW",
        "ADMIN customer.contact OWN DENY",
    )
    assert _email(policy, Role.SUPPORT, Role.ADMIN).when_whole == ALWAYS - OWN


def test_a_rule_on_the_user_joins_every_role(policy_of):
    policy = policy_of(
        "SUPPORT customer.contact ALL ALLOW",
        "ADMIN customer.contact ALL ALLOW",
        f"{MINE} Customer.email OWN DENY",
        f"{MINE} Customer.email TEAM MASK",
    )
    assert _email(policy, Role.SUPPORT, Role.ADMIN) == Access(ALWAYS - OWN - TEAM, TEAM - OWN)
    assert _email(policy, Role.SUPPORT, user_id=OTHER).is_whole_for(ALWAYS)


def test_a_rule_on_the_user_allows_what_no_role_denies(policy_of):
    policy = policy_of(f"{MINE} customer.contact OWN ALLOW", "AUDITOR customer.contact ALL DENY")
    assert _email(policy, Role.SUPPORT).when_whole == OWN
    assert _email(policy, Role.AUDITOR).is_none
    assert _email(policy).when_whole == OWN


def test_what_is_denied_to_everybody_is_denied(policy_of):
    policy = policy_of("ADMIN customer.contact ALL ALLOW", "* Customer.email ALL DENY")
    assert _email(policy, Role.ADMIN, Role.SUPPORT).is_none


def test_a_field_without_a_group_is_readable_with_its_row_until_a_rule_takes_it():
    grant = compile_grant(shipped_policy(), user_id=None, roles=[Role.SUPPORT])
    assert grant.field("Customer.code", None).is_whole_for(ALWAYS)


def test_a_field_without_a_group_can_be_taken_from_one_role(policy_of):
    policy = policy_of("* unguarded ALL ALLOW", "SUPPORT Customer.salesOrders ALL DENY")
    support = compile_grant(policy, user_id=None, roles=[Role.SUPPORT])
    both = compile_grant(policy, user_id=None, roles=[Role.SUPPORT, Role.ADMIN])
    assert support.field("Customer.salesOrders", None).is_none
    assert both.field("Customer.salesOrders", None).is_whole_for(ALWAYS)


def test_only_what_is_whole_on_every_visible_row_may_filter_and_order():
    representative = compile_grant(shipped_policy(), user_id=None, roles=[Role.SALES_REP])
    seller_and_supporter = compile_grant(
        shipped_policy(), user_id=None, roles=[Role.SALES_REP, Role.SUPPORT]
    )
    limit = ("Customer.creditLimit", "customer.credit")
    assert representative.field(*limit).is_whole_for(representative.rows("Customer"))
    assert not seller_and_supporter.field(*limit).is_whole_for(
        seller_and_supporter.rows("Customer")
    )
    assert seller_and_supporter.field(*limit).is_none_for(ALWAYS - OWN)


def test_a_masked_field_is_neither_whole_nor_absent():
    auditor = compile_grant(shipped_policy(), user_id=None, roles=[Role.AUDITOR])
    access = auditor.field("Customer.email", "customer.contact")
    assert access.is_masked_for(ALWAYS)
    assert not access.is_whole_for(ALWAYS)
    assert not access.is_none


def test_a_query_follows_its_type_and_can_be_denied(policy_of):
    policy = policy_of(
        "SALES_REP Customer OWN ALLOW",
        "SUPPORT Customer ALL ALLOW",
        "SUPPORT Query.customers ALL DENY",
        "SALES_REP Query.trialBalance ALL ALLOW",
    )
    representative = compile_grant(policy, user_id=None, roles=[Role.SALES_REP])
    support = compile_grant(policy, user_id=None, roles=[Role.SUPPORT])
    assert representative.query("Query.customers", "Customer") == OWN
    assert support.query("Query.customers", "Customer") == NEVER
    assert support.rows("Customer") == ALWAYS
    assert representative.query("Query.trialBalance", None) == ALWAYS
    assert support.query("Query.trialBalance", None) == NEVER


def test_a_query_never_answers_with_rows_its_type_withholds(policy_of):
    policy = policy_of("SALES_REP Customer OWN ALLOW", "SALES_REP Query.customers ALL ALLOW")
    grant = compile_grant(policy, user_id=None, roles=[Role.SALES_REP])
    assert grant.query("Query.customers", "Customer") == OWN


def _actor(*roles: Role) -> Actor:
    return Actor(
        user_id=USER,
        roles=roles,
        grant=compile_grant(shipped_policy(), user_id=USER, roles=roles),
        customer_id=None,
        team_id=None,
        access_version=1,
        request_id="test",
    )


def test_an_actor_is_refused_what_they_may_nowhere_do():
    _actor(Role.SALES_REP).require("Mutation.recordPayment")
    with pytest.raises(Forbidden) as refused:
        _actor(Role.SALES_REP).require("Mutation.postInvoice")
    assert refused.value.details == {"coordinate": "Mutation.postInvoice"}


def test_an_actor_is_refused_what_they_may_not_do_to_this_row():
    actor = _actor(Role.SALES_REP)
    actor.require_on("Mutation.recordPayment", {Scope.TEAM, Scope.OWN})
    with pytest.raises(Forbidden):
        actor.require_on("Mutation.recordPayment", {Scope.TEAM})


def test_an_actor_is_refused_a_field_they_may_not_supply():
    actor = _actor(Role.SUPPORT)
    actor.require_on("UpdateCustomerInput.email", set())
    with pytest.raises(Forbidden):
        actor.require_on("UpdateCustomerInput.notes", set())


def test_what_may_not_be_read_whole_may_not_be_supplied_whatever_the_input_says(policy_of):
    allowed = (
        "SUPPORT UpdateCustomerInput ALL ALLOW",
        "SUPPORT unguarded ALL ALLOW",
        "SUPPORT customer.notes OWN ALLOW",
        "SUPPORT customer.contact ALL MASK",
    )
    grant = compile_grant(policy_of(*allowed), user_id=USER, roles=[Role.SUPPORT])
    assert grant.writable("UpdateCustomerInput.businessName") == ALWAYS
    assert grant.writable("UpdateCustomerInput.notes") == OWN
    assert grant.writable("UpdateCustomerInput.email") == NEVER
    assert grant.writable("UpdateCustomerInput.taxId") == NEVER


@pytest.mark.parametrize(
    ("scope", "expected"), [("ALL", ALWAYS), ("TEAM", NEVER), ("OWN", NEVER), ("SELF", NEVER)]
)
def test_what_is_unique_is_supplied_by_who_sees_all_rows(policy_of, scope, expected):
    policy = policy_of(
        "SUPPORT CreateCustomerInput ALL ALLOW",
        "SUPPORT unguarded ALL ALLOW",
        f"SUPPORT Customer {scope} ALLOW",
    )
    grant = compile_grant(policy, user_id=USER, roles=[Role.SUPPORT])
    assert grant.writable("CreateCustomerInput.code") == expected
    assert grant.writable("CreateCustomerInput.businessName") == ALWAYS
