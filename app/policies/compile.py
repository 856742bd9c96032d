"""From rules to a grant. Takes milliseconds, is kept, and never asks Casbin."""

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from app.policies.conditions import ScopeCondition
from app.policies.grant import Grant, Term, Verdict
from app.policies.policy import Policy
from app.policies.roles import Role
from app.policies.rules import EVERYBODY, Effect, Rule, user_subject
from app.policies.scopes import Scope

_GRANTS_KEPT = 1024


def compile_grant(policy: Policy, *, user_id: UUID | None, roles: Iterable[Role]) -> Grant:
    """The grant of a user with these roles; of nobody in particular without a user.

    Each role's rules are joined by those for everybody and for the user: what these deny is denied
    by every role, so nothing can allow it again. Viewers of whom no rule speaks in person share
    one grant per set of roles.
    """
    person = user_subject(user_id) if user_id else None
    return _compile(policy, person if person in policy.by_subject else None, frozenset(roles))


def subjects_of(role: Role | None, person: str | None) -> tuple[str, ...]:
    """The subjects whose rules make up one term."""
    return tuple(each for each in (role, person, EVERYBODY) if each is not None)


@lru_cache(maxsize=_GRANTS_KEPT)
def _compile(policy: Policy, person: str | None, roles: frozenset[Role]) -> Grant:
    """`person` is None when no rule speaks of the user."""
    held: tuple[Role | None, ...] = tuple(roles) or (None,)
    by_meaning = {
        _meaning(term): term
        for term in (_term(policy.of_subjects(subjects_of(role, person))) for role in held)
    }
    meanings = sorted(by_meaning)
    return Grant(
        fingerprint=sha256("\n\n".join(meanings).encode()).hexdigest()[:32],
        version=policy.version,
        terms=tuple(by_meaning[each] for each in meanings),
    )


def _term(rules: Iterable[Rule]) -> Term:
    """The verdict on every object of which one role's rules say anything."""
    scopes: defaultdict[str, dict[Effect, list[Scope]]] = defaultdict(
        lambda: {effect: [] for effect in Effect}
    )
    for rule in rules:
        scopes[rule.object][rule.effect].append(rule.scope)
    verdicts = {target: _verdict(said) for target, said in scopes.items()}
    return MappingProxyType({k: v for k, v in verdicts.items() if v != Verdict()})


def _verdict(said: dict[Effect, list[Scope]]) -> Verdict:
    return Verdict.of(
        allow=ScopeCondition.of(*said[Effect.ALLOW]),
        mask=ScopeCondition.of(*said[Effect.MASK]),
        deny=ScopeCondition.of(*said[Effect.DENY]),
    )


def _meaning(term: Term) -> str:
    """A text that two terms share exactly when they give the same verdicts."""
    return "\n".join(
        f"{target} {verdict.allow.table} {verdict.mask.table} {verdict.deny.table}"
        for target, verdict in sorted(term.items())
    )
