"""Grants that mean the same share a fingerprint, and no others."""

from itertools import combinations
from uuid import UUID

from app.policies.compile import compile_grant
from app.policies.policy import Policy, shipped_policy
from app.policies.roles import Role

USER = UUID("0192f0c1-2345-7abc-8def-0123456789ab")
OTHER = UUID("0192f0c1-2345-7abc-8def-0123456789ac")


def _fingerprint(policy: Policy, *roles: Role, user_id: UUID | None = None) -> str:
    return compile_grant(policy, user_id=user_id, roles=roles).fingerprint


def test_the_user_and_the_order_of_roles_do_not_matter():
    policy = shipped_policy()
    one = _fingerprint(policy, Role.SUPPORT, Role.SALES_REP, user_id=USER)
    assert one == _fingerprint(policy, Role.SALES_REP, Role.SUPPORT, Role.SUPPORT, user_id=OTHER)


def test_viewers_without_rules_of_their_own_share_one_grant():
    policy = shipped_policy()
    first = compile_grant(policy, user_id=USER, roles=[Role.SUPPORT])
    assert first is compile_grant(policy, user_id=OTHER, roles=[Role.SUPPORT])


def test_it_does_not_depend_on_version_order_or_words():
    shipped = shipped_policy()
    reordered = Policy(version=9, rules=tuple(reversed(shipped.rules)))
    assert _fingerprint(shipped, Role.AUDITOR) == _fingerprint(reordered, Role.AUDITOR)


def test_ways_of_saying_the_same_share_it(policy_of):
    plain = policy_of("SUPPORT customer.contact ALL ALLOW")
    wordy = policy_of(
        "SUPPORT customer.contact ALL ALLOW",
        "SUPPORT customer.contact OWN ALLOW",
        "SUPPORT customer.notes NONE ALLOW",
    )
    assert _fingerprint(plain, Role.SUPPORT) == _fingerprint(wordy, Role.SUPPORT)


def test_a_changed_decision_changes_it(policy_of):
    lines = [
        "SUPPORT customer.contact ALL ALLOW",
        "SUPPORT customer.contact TEAM ALLOW",
        "SUPPORT customer.contact ALL MASK",
        "SUPPORT customer.contact ALL DENY",
        "SUPPORT customer.notes ALL ALLOW",
    ]
    assert len({_fingerprint(policy_of(line), Role.SUPPORT) for line in lines}) == len(lines)


def test_every_shipped_pair_of_roles_has_its_own():
    sets = [*combinations(Role, 1), *combinations(Role, 2)]
    assert len({_fingerprint(shipped_policy(), *roles) for roles in sets}) == len(sets)


def test_a_rule_on_one_user_changes_theirs_alone(policy_of):
    general = "SUPPORT customer.contact ALL ALLOW"
    before = policy_of(general)
    after = policy_of(general, f"user:{USER} customer.contact OWN DENY")
    unchanged = _fingerprint(before, Role.SUPPORT)
    assert _fingerprint(after, Role.SUPPORT, user_id=OTHER) == unchanged
    assert _fingerprint(after, Role.SUPPORT, user_id=USER) != unchanged


def test_grants_are_values_that_can_be_keys(policy_of):
    one = policy_of("SUPPORT customer.contact ALL ALLOW", version=1)
    same = policy_of("SUPPORT customer.contact ALL ALLOW", version=1)
    newer = policy_of("SUPPORT customer.contact ALL ALLOW", version=2)
    grants = [
        compile_grant(each, user_id=None, roles=[Role.SUPPORT]) for each in (one, same, newer)
    ]
    assert len(set(grants)) == 2
