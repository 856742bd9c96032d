"""The list of what a viewer may do, for `viewer.permissions`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.policies.conditions import ScopeCondition
from app.policies.grant import Grant
from app.policies.rules import Action, Effect, action_on
from app.policies.scopes import Scope


@dataclass(frozen=True, slots=True)
class Permission:
    """One line of the list. A DENY line takes rows out of the other lines of its coordinate."""

    coordinate: str
    action: Action
    scope: Scope
    effect: Effect


def list_permissions(grant: Grant, declared: Mapping[str, str | None]) -> tuple[Permission, ...]:
    """Everything the viewer may see or do, by coordinate; what is not listed is refused.

    `declared` names the schema's guarded fields with their groups and its root queries with their
    types. Guard groups themselves and fields that are readable with their row are not listed.
    """
    spoken_of = {each for each in grant.objects() if _is_schema_object(each)}
    return tuple(
        permission
        for coordinate in sorted(spoken_of | declared.keys())
        for permission in _of(grant, coordinate, declared.get(coordinate))
    )


def _of(grant: Grant, coordinate: str, declared: str | None) -> Iterator[Permission]:
    access = grant.access(coordinate, declared)
    action = action_on(coordinate)
    for effect, rows in ((Effect.ALLOW, access.when_whole), (Effect.MASK, access.when_masked)):
        for scope in _reach(rows):
            yield Permission(coordinate, action, scope, effect)
    if not access.is_none:
        for scope in _taken_out(access.when_whole | access.when_masked):
            yield Permission(coordinate, action, scope, Effect.DENY)


def _reach(rows: ScopeCondition) -> tuple[Scope, ...]:
    """The narrowest scopes that hold all these rows; every one is needed."""
    narrowest = {
        min((literal.scope for literal in each if literal.holds), key=_rank, default=Scope.ALL)
        for each in rows.conjunctions
    }
    return (Scope.ALL,) if Scope.ALL in narrowest else tuple(sorted(narrowest, key=_rank))


def _taken_out(rows: ScopeCondition) -> tuple[Scope, ...]:
    negated = {literal.scope for each in rows.conjunctions for literal in each if not literal.holds}
    return tuple(
        each for each in sorted(negated, key=_rank) if (rows & ScopeCondition.of(each)).is_never
    )


def _rank(scope: Scope) -> int:
    return tuple(Scope).index(scope)


def _is_schema_object(name: str) -> bool:
    return name[0].isupper()
