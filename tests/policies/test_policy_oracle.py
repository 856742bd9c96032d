"""A compiled grant answers as Casbin does, for the shipped policy and for any other."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.policies.casbin_engine import build_enforcer
from app.policies.compile import compile_grant
from app.policies.policy import Policy, shipped_policy
from app.policies.roles import Role
from app.policies.rules import EVERYBODY, Action, Effect, Rule, user_subject
from app.policies.scopes import Scope

SHIPPED = shipped_policy()
DECLARED = {
    "Customer.code": None,
    "Customer.email": "customer.contact",
    "Customer.taxId": "customer.tax",
    "Customer.pendingBalance": "customer.balance",
    "Customer.creditLimit": "customer.credit",
    "Customer.notes": "customer.notes",
    "LedgerEntry.amount": "ledger.amount",
    "LedgerEntry.journalLines": "ledger.journal",
    "LedgerEntry.hash": "ledger.proof",
    "LedgerEntry.postedBy": "ledger.actor",
    "Product.cost": "product.cost",
    "Notification.body": "notification.content",
    "AuditEvent.before": "audit.content",
    "User.email": "user.contact",
    "Query.users": "User",
    "Query.customers": "Customer",
    "CreateCustomerInput.email": None,
    "UpdateCustomerInput.notes": None,
}
ASKED = {**dict.fromkeys(sorted({each.object for each in SHIPPED.rules})), **DECLARED}
USER = UUID("0192f0c1-2345-7abc-8def-0123456789ab")
role_sets = st.frozensets(st.sampled_from(Role), max_size=4)


@pytest.mark.parametrize("role", Role)
def test_every_shipped_coordinate_for_every_role(casbin_access, role: Role):
    grant = compile_grant(SHIPPED, user_id=None, roles=[role])
    for coordinate, declared in ASKED.items():
        expected = casbin_access(SHIPPED, roles=[role], coordinate=coordinate, declared=declared)
        assert grant.access(coordinate, declared) == expected, coordinate


@settings(max_examples=60, deadline=None)
@given(roles=role_sets, coordinate=st.sampled_from(sorted(ASKED)))
def test_shipped_coordinates_for_several_roles(casbin_access, roles, coordinate):
    declared = ASKED[coordinate]
    grant = compile_grant(SHIPPED, user_id=USER, roles=roles)
    expected = casbin_access(
        SHIPPED, roles=roles, coordinate=coordinate, declared=declared, user_id=USER
    )
    assert grant.access(coordinate, declared) == expected


@settings(max_examples=5, deadline=None)
@given(role=st.sampled_from(Role), coordinate=st.sampled_from(sorted(ASKED)))
def test_rules_about_other_things_change_nothing(casbin_access, role, coordinate):
    """The whole policy in one enforcer, where the other tests hand it only what is relevant."""
    declared = ASKED[coordinate]
    expected = casbin_access(
        SHIPPED,
        roles=[role],
        coordinate=coordinate,
        declared=declared,
        enforcer=build_enforcer(SHIPPED.rules),
    )
    assert (
        compile_grant(SHIPPED, user_id=None, roles=[role]).access(coordinate, declared) == expected
    )


ROLES = (Role.ADMIN, Role.SUPPORT, Role.AUDITOR)
rules = st.builds(
    Rule,
    subject=st.sampled_from([*ROLES, EVERYBODY, user_subject(USER)]),
    object=st.sampled_from(["Customer.email", "customer.contact", "unguarded"]),
    action=st.just(Action.READ),
    scope=st.sampled_from(Scope),
    effect=st.sampled_from(Effect),
)


@settings(max_examples=300, deadline=None)
@given(
    rules=st.lists(rules, max_size=9, unique_by=lambda rule: rule.id),
    roles=st.frozensets(st.sampled_from(ROLES)),
    user_id=st.sampled_from([None, USER]),
    declared=st.sampled_from(["customer.contact", None]),
)
def test_any_policy(casbin_access, rules, roles, user_id, declared):
    policy = Policy(version=1, rules=tuple(rules))
    grant = compile_grant(policy, user_id=user_id, roles=roles)
    expected = casbin_access(
        policy, roles=roles, coordinate="Customer.email", declared=declared, user_id=user_id
    )
    assert grant.field("Customer.email", declared) == expected
