"""Small policies spelt as lines, and Casbin's answer to the same question as a grant's."""

from collections.abc import Callable, Iterable
from uuid import UUID

import pytest

from app.policies.casbin_engine import Enforcer, Question, build_enforcer, decide
from app.policies.conditions import SITUATIONS, ScopeCondition
from app.policies.grant import Access, companion_of
from app.policies.policy import Policy
from app.policies.roles import Role
from app.policies.rules import Effect, action_on, parse_rules, user_subject

MakePolicy = Callable[..., Policy]
Oracle = Callable[..., Access]


@pytest.fixture(scope="session")
def policy_of() -> MakePolicy:
    """A policy of rules spelt `subject object scope effect`."""

    def make(*lines: str, version: int = 1) -> Policy:
        text = []
        for line in lines:
            subject, target, scope, effect = line.split()
            text.append(f"p, {subject}, {target}, {action_on(target)}, {scope}, {effect}, because")
        return Policy(version=version, rules=parse_rules("\n".join(text)))

    return make


@pytest.fixture(scope="session")
def casbin_access() -> Oracle:
    """What Casbin answers for each situation of a row and each role; the best role counts."""

    def ask(
        policy: Policy,
        *,
        roles: Iterable[Role],
        coordinate: str,
        declared: str | None = None,
        user_id: UUID | None = None,
        enforcer: Enforcer | None = None,
    ) -> Access:
        companion = companion_of(coordinate, declared)
        asked = enforcer or build_enforcer(
            each for each in policy.rules if each.object in {coordinate, companion}
        )
        effects = [
            {
                decide(
                    asked,
                    Question(
                        role,
                        user_subject(user_id) if user_id else None,
                        coordinate,
                        companion,
                        action_on(coordinate),
                        facts,
                    ),
                ).effect
                for role in (tuple(roles) or (None,))
            }
            for facts in SITUATIONS
        ]
        whole = sum(1 << i for i, each in enumerate(effects) if Effect.ALLOW in each)
        readable = sum(1 << i for i, each in enumerate(effects) if each != {Effect.DENY})
        return Access(ScopeCondition(whole), ScopeCondition(readable & ~whole))

    return ask
