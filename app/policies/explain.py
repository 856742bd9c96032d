"""Why something is or is not allowed, in the words of the rules."""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from uuid import UUID

from app.policies.casbin_engine import Answer, Question, build_enforcer, decide
from app.policies.compile import subjects_of
from app.policies.conditions import SITUATIONS
from app.policies.grant import companion_of
from app.policies.policy import Policy
from app.policies.roles import Role
from app.policies.rules import Effect, Rule, action_on, user_subject
from app.policies.scopes import Scope

_BEST_FIRST = (Effect.ALLOW, Effect.MASK, Effect.DENY)


@dataclass(frozen=True, slots=True)
class Explanation:
    """The best the viewer can have, how far it reaches, and the rules that decided it.

    Without rules nothing was said, which is DENY. `scope` is the widest of the deciding rules;
    NONE when denied.
    """

    effect: Effect
    scope: Scope
    rules: tuple[Rule, ...]


def explain(
    policy: Policy,
    *,
    user_id: UUID | None,
    roles: Iterable[Role],
    coordinate: str,
    declared: str | None = None,
    facts: AbstractSet[Scope] | None = None,
) -> Explanation:
    """Explains a field, type, query, mutation or input field, for one row or for any.

    `declared` is a field's guard group or a query's type. `facts` are the scopes that hold of the
    row asked about; None asks for the best over all rows. Agrees with the viewer's grant.
    """
    person = user_subject(user_id) if user_id else None
    companion = companion_of(coordinate, declared)
    held = tuple(roles) or (None,)
    relevant = _relevant(policy, held, person, (coordinate, companion))
    situations = SITUATIONS if facts is None else (frozenset(facts),)
    enforcer = build_enforcer(relevant)
    answers = [
        decide(enforcer, Question(role, person, coordinate, companion, action_on(coordinate), each))
        for role in held
        for each in situations
    ]
    return _best(answers, relevant)


def _relevant(
    policy: Policy,
    held: Iterable[Role | None],
    person: str | None,
    objects: tuple[str, str | None],
) -> tuple[Rule, ...]:
    """The only rules that can decide, each once, so that Casbin has few to go through."""
    subjects = dict.fromkeys(each for role in held for each in subjects_of(role, person))
    return tuple(rule for rule in policy.of_subjects(subjects) if rule.object in objects)


def _best(answers: list[Answer], rules: tuple[Rule, ...]) -> Explanation:
    effect = min((each.effect for each in answers), key=_BEST_FIRST.index)
    ids = {each.rule_id for each in answers if each.effect is effect}
    deciding = tuple(rule for rule in rules if rule.id in ids)
    scope = Scope.NONE if effect is Effect.DENY else _widest(rule.scope for rule in deciding)
    return Explanation(effect=effect, scope=scope, rules=deciding)


def _widest(scopes: Iterator[Scope]) -> Scope:
    return min(scopes, key=tuple(Scope).index)
