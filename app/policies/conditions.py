"""Exact boolean conditions over the facts that may hold of a row: TEAM, OWN, SELF.

Three facts make eight situations a row can be in, so a condition is a truth table of eight bits.
Union, intersection, difference and containment are then integer operations and exact; the
shortest formula is worked out once per table, for the planner to turn into SQL.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, product
from typing import NamedTuple, Self

from app.policies.scopes import Scope

FACTS = (Scope.TEAM, Scope.OWN, Scope.SELF)
SITUATIONS: tuple[frozenset[Scope], ...] = tuple(
    frozenset(facts) for size in range(len(FACTS) + 1) for facts in combinations(FACTS, size)
)
_EVERY = (1 << len(SITUATIONS)) - 1


class Literal(NamedTuple):
    """A fact about a row (TEAM, OWN or SELF) that must hold, or must not."""

    scope: Scope
    holds: bool


Conjunction = tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class ScopeCondition:
    """The rows something applies to. Equal conditions are equal values, however they were made."""

    table: int

    @classmethod
    def of(cls, *scopes: Scope) -> Self:
        """Rows of which at least one of the scopes holds; of no scopes, none."""
        return cls(sum(1 << i for i, facts in enumerate(SITUATIONS) if _any_holds(scopes, facts)))

    def __or__(self, other: Self) -> Self:
        return type(self)(self.table | other.table)

    def __and__(self, other: Self) -> Self:
        return type(self)(self.table & other.table)

    def __sub__(self, other: Self) -> Self:
        return type(self)(self.table & ~other.table)

    @property
    def is_never(self) -> bool:
        """True when no row meets it."""
        return self.table == 0

    @property
    def is_always(self) -> bool:
        """True when every row meets it."""
        return self.table == _EVERY

    def covers(self, other: Self) -> bool:
        """True when every row that meets `other` meets this too."""
        return (other - self).is_never

    def holds(self, facts: AbstractSet[Scope]) -> bool:
        """Whether a row meets it of which exactly these facts hold; ALL goes without saying."""
        situation = frozenset(facts).intersection(FACTS)
        return bool(self.table >> SITUATIONS.index(situation) & 1)

    @property
    def conjunctions(self) -> tuple[Conjunction, ...]:
        """The shortest equal "or of ands": `()` is never, `((),)` is always.

        Negated literals come only from DENY and MASK rules.
        """
        return _shortest_formula(self.table)


NEVER = ScopeCondition(0)
ALWAYS = ScopeCondition(_EVERY)


def _any_holds(scopes: tuple[Scope, ...], facts: frozenset[Scope]) -> bool:
    return any(scope is Scope.ALL or scope in facts for scope in scopes)


def _table_of(conjunction: Conjunction) -> int:
    return sum(
        1 << i
        for i, facts in enumerate(SITUATIONS)
        if all((literal.scope in facts) is literal.holds for literal in conjunction)
    )


def _every_conjunction() -> tuple[tuple[Conjunction, int], ...]:
    """All 27, fewest literals first and positive before negative."""
    choices = product((True, False, None), repeat=len(FACTS))
    made = [
        tuple(
            Literal(scope, holds)
            for scope, holds in zip(FACTS, choice, strict=True)
            if holds is not None
        )
        for choice in choices
    ]
    made.sort(key=lambda each: (len(each), sum(not literal.holds for literal in each)))
    return tuple((each, _table_of(each)) for each in made)


_CONJUNCTIONS = _every_conjunction()


@lru_cache(maxsize=_EVERY + 1)
def _shortest_formula(table: int) -> tuple[Conjunction, ...]:
    """The smallest set of conjunctions that covers the table exactly.

    A table of eight rows never needs more than four; the search is over prime implicants only.
    """
    inside = [(each, rows) for each, rows in _CONJUNCTIONS if rows & ~table == 0]
    primes = [
        (each, rows)
        for each, rows in inside
        if not any(rows != wider and rows & ~wider == 0 for _, wider in inside)
    ]
    for size in range(len(primes) + 1):
        for chosen in combinations(primes, size):
            covered = 0
            for _, rows in chosen:
                covered |= rows
            if covered == table:
                return tuple(each for each, _ in chosen)
    raise AssertionError("the prime implicants of a table always cover it")
