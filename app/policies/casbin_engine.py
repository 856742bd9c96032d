"""Casbin's own answer, rule by rule: it explains, and it is the oracle that grants are tested by.

Slow, since it evaluates every rule it holds: only requests for an explanation come here.
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

import casbin  # type: ignore[import-untyped]  # pycasbin ships no types
from casbin.core_enforcer import EnforceContext  # type: ignore[import-untyped]  # as above

from app.policies.roles import Role
from app.policies.rules import Action, Effect, Rule
from app.policies.scopes import Scope

_MODEL = Path(__file__).with_name("model.conf").read_text(encoding="utf-8")
_VISIBLE = {Effect.ALLOW: "allow", Effect.MASK: "allow", Effect.DENY: "deny"}
_ASK_UNMASKED = EnforceContext("r", "p2", "e", "m2")
_UNMASKED = {Effect.ALLOW: "allow", Effect.MASK: "deny", Effect.DENY: "deny"}


class Enforcer(Protocol):
    """The part of Casbin's enforcer that is used here."""

    def enforce_ex(self, *request: object) -> tuple[bool, list[str]]:
        """Whether the request is allowed, and the rule that decided; no rule when none did."""
        ...


@dataclass(frozen=True, slots=True)
class Question:
    """One role of one user, asked about one object on a row of which these facts hold.

    `role` and `person` are empty for a viewer without one.
    """

    role: Role | None
    person: str | None
    target: str
    companion: str | None
    action: Action
    facts: AbstractSet[Scope]


@dataclass(frozen=True, slots=True)
class Answer:
    """An effect and the rule that decided it; None when nothing was said, which is DENY."""

    effect: Effect
    rule_id: UUID | None


def build_enforcer(rules: Iterable[Rule]) -> Enforcer:
    """An enforcer that knows exactly these rules."""
    known = tuple(rules)
    enforcer = casbin.Enforcer(casbin.Enforcer.new_model(text=_MODEL))
    for ptype, effects in (("p", _VISIBLE), ("p2", _UNMASKED)):
        enforcer.add_named_policies(
            ptype,
            [
                [
                    each.subject,
                    each.object,
                    each.action,
                    each.scope,
                    effects[each.effect],
                    str(each.id),
                ]
                for each in known
            ],
        )
    result: Enforcer = enforcer
    return result


def decide(enforcer: Enforcer, question: Question) -> Answer:
    """The effect on that row for that one role."""
    request = (
        question.role or "",
        question.person or "",
        question.target,
        question.companion or "",
        question.action,
        (Scope.ALL, *question.facts),
    )
    visible, why_visible = enforcer.enforce_ex(*request)
    if not visible:
        return Answer(Effect.DENY, _rule_id(why_visible))
    whole, why_whole = enforcer.enforce_ex(_ASK_UNMASKED, *request)
    return Answer(Effect.ALLOW if whole else Effect.MASK, _rule_id(why_whole))


def _rule_id(explanation: list[str]) -> UUID | None:
    return UUID(explanation[-1]) if explanation else None
