"""Under any policy, not only the shipped one, the planner answers as the oracle does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.policies.policy import Policy
from app.policies.rules import rule_from
from tests.generation.operations import Operation
from tests.planner.agreement import check
from tests.planner.company import Company
from tests.planner.conftest import PROFILE
from tests.planner.corpus import TRAILS
from tests.planner.harness import POLICY
from tests.planner.policies import policies

NAMES = ("sales_manager", "sales_rep", "support", "customer_rep", "manager_auditor", "auditor")


@pytest.mark.parametrize("name", NAMES)
def test_added_rules_are_followed_as_the_oracle_follows_them(company: Company, name: str) -> None:
    viewer = company.viewer(name)
    subjects = (*viewer["roles"], f"user:{viewer['id']}", "*")

    @settings(PROFILE)
    @given(data=st.data())
    def agrees(data: st.DataObject) -> None:
        policy = data.draw(policies(subjects))
        check(company, name, data.draw(company.operations(name, policy)), policy)

    agrees()


@pytest.mark.parametrize("name", ["auditor", "manager_auditor"])
@pytest.mark.parametrize("scope", ["ALL", "TEAM", "OWN"])
@pytest.mark.parametrize("part", ["line2", "region", "postalCode"])
def test_a_part_that_is_denied_is_not_shown_in_a_masked_whole(
    company: Company, name: str, scope: str, part: str
) -> None:
    rule = rule_from(("AUDITOR", f"Address.{part}", "read", scope, "DENY", "added"))
    policy = Policy(version=POLICY.version, rules=(*POLICY.rules, rule))
    text = f"{{ customers {{ nodes {{ billingAddress {{ city {part} }} }} }} }}"
    check(company, name, Operation(text, {}, {}), policy)


@pytest.mark.parametrize("name", ["auditor", "manager_auditor", "controller"])
@pytest.mark.parametrize("scope", ["ALL", "TEAM", "OWN"])
@pytest.mark.parametrize("denied", ["LedgerEntry", "User", "Customer.assignedTo", "ledger.amount"])
def test_nothing_that_is_denied_is_shown_as_recorded(
    company: Company, name: str, scope: str, denied: str
) -> None:
    rules = [
        rule_from((role, denied, "read", scope, "DENY", "added"))
        for role in company.viewer(name)["roles"]
    ]
    check(company, name, TRAILS, Policy(version=POLICY.version, rules=(*POLICY.rules, *rules)))
