"""What one set of roles may do: the compiled policy, asked in constant time and without Casbin."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.policies.conditions import ALWAYS, NEVER, ScopeCondition
from app.policies.inputs import TOLD_BY
from app.policies.rules import UNGUARDED

_ROOTS = frozenset({"Query", "Mutation", "Subscription", "ApprovalKind"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one role's rules say of one object. The three conditions never overlap."""

    allow: ScopeCondition = NEVER
    mask: ScopeCondition = NEVER
    deny: ScopeCondition = NEVER

    @classmethod
    def of(cls, *, allow: ScopeCondition, mask: ScopeCondition, deny: ScopeCondition) -> "Verdict":
        """Within a role DENY beats MASK beats ALLOW."""
        return cls(allow=allow - mask - deny, mask=mask - deny, deny=deny)

    def __and__(self, other: "Verdict") -> "Verdict":
        """Both count, as rules of one role on a coordinate and on its guard group do."""
        return Verdict.of(
            allow=self.allow | other.allow,
            mask=self.mask | other.mask,
            deny=self.deny | other.deny,
        )


Term = Mapping[str, Verdict]
"""One role's verdicts by object."""


@dataclass(frozen=True, slots=True)
class Access:
    """On which rows something may be had whole, and on which only masked; on the rest, not at all.

    The two never overlap. A row that satisfies neither has the field withheld.
    """

    when_whole: ScopeCondition
    when_masked: ScopeCondition

    @property
    def is_none(self) -> bool:
        """True when it is withheld on every row."""
        return self.when_whole.is_never and self.when_masked.is_never

    def is_none_for(self, rows: ScopeCondition) -> bool:
        """True when it is withheld on every one of these rows."""
        return (rows & (self.when_whole | self.when_masked)).is_never

    def is_whole_for(self, rows: ScopeCondition) -> bool:
        """True when it is whole on each of these rows: then it may filter and order them."""
        return self.when_whole.covers(rows)

    def is_masked_for(self, rows: ScopeCondition) -> bool:
        """True when it is masked on every one of these rows."""
        return self.when_masked.covers(rows)


@dataclass(frozen=True)
class Grant:
    """What a viewer may see and do. Immutable; equal fingerprints mean the same answers.

    `version` is the policy version it was compiled from. `terms` holds one term per role, without
    repetition; roles are additive, so an answer is the union of what the terms allow.
    """

    fingerprint: str
    version: int
    terms: tuple[Term, ...] = field(compare=False, repr=False)

    def rows(self, type_name: str) -> ScopeCondition:
        """The rows of a type that exist for the viewer."""
        return self.access(type_name).when_whole

    def field(self, coordinate: str, group: str | None) -> Access:
        """A field of a visible row. A rule on the coordinate and a rule on its group both count."""
        return self.access(coordinate, group)

    def query(self, coordinate: str, type_name: str | None) -> ScopeCondition:
        """The rows a root query or subscription may answer with; never: it is FORBIDDEN.

        It may be asked by whoever may see rows of its type, unless a rule denies the query itself.
        One without a type needs a rule of its own.
        """
        allowed = self.access(coordinate, type_name).when_whole
        return allowed & self.rows(type_name) if type_name else allowed

    def execute(self, coordinate: str) -> ScopeCondition:
        """The rows a mutation may be done to, or may leave behind where it creates them."""
        return self.access(coordinate).when_whole

    def may_execute(self, coordinate: str) -> bool:
        """Whether there is any row the mutation may be done to."""
        return not self.execute(coordinate).is_never

    def writable(self, coordinate: str) -> ScopeCondition:
        """The rows on which an input field (`UpdateCustomerInput.email`) may be supplied.

        A rule on the input type speaks of all its fields. Needed beside the mutation's own right,
        and nobody may supply what they may not read whole.
        """
        return self.access(coordinate).when_whole & self.suppliable(coordinate)

    def suppliable(self, coordinate: str) -> ScopeCondition:
        """The rows on which what an input field sets may be read whole: elsewhere an answer to it
        would tell.
        """
        told = TOLD_BY.get(coordinate)
        if told is None:
            return ALWAYS
        if told.of_all is not None and not self.rows(told.of_all).is_always:
            return NEVER
        return self.field(told.coordinate, told.group).when_whole

    def objects(self) -> frozenset[str]:
        """Every coordinate, type and guard group that any rule of the viewer speaks of."""
        return frozenset(each for term in self.terms for each in term)

    def access(self, coordinate: str, declared: str | None = None) -> Access:
        """The answer for any object. `declared` is a field's guard group or a query's type."""
        companion = companion_of(coordinate, declared)
        verdicts = [_verdict(term, coordinate, companion) for term in self.terms]
        whole = _union(each.allow for each in verdicts)
        return Access(when_whole=whole, when_masked=_union(each.mask for each in verdicts) - whole)


def companion_of(coordinate: str, declared: str | None) -> str | None:
    """The object whose rules count together with the coordinate's own.

    A field's guard group, a query's type, an input field's input type; a field that declares
    no group is in the group `unguarded`. Types, groups and mutations stand alone.
    """
    owner, dot, _ = coordinate.partition(".")
    if declared is not None or not dot or owner in _ROOTS or owner.islower():
        return declared
    return owner if owner.endswith("Input") else UNGUARDED


_NOTHING_SAID = Verdict()


def _verdict(term: Term, coordinate: str, companion: str | None) -> Verdict:
    own = term.get(coordinate, _NOTHING_SAID)
    return own & term.get(companion, _NOTHING_SAID) if companion else own


def _union(conditions: Iterable[ScopeCondition]) -> ScopeCondition:
    result = NEVER
    for each in conditions:
        result |= each
    return result
