"""Policies with rules added at run time: any that leave the promises of the contract alone."""

from graphql import GraphQLNonNull, GraphQLObjectType
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from app.policies.policy import Policy
from app.policies.rules import Effect, Rule, rule_from
from app.policies.scopes import Scope
from tests.planner.harness import GROUPS, PLAIN, POLICY
from tests.planner.oracle_fields import TAGS
from tests.planner.sight import EMBEDDED, FIGURES

# Rows that others promise to lead to (Allocation.credit, DriftFinding.run) are left alone.
PROMISED = {"LedgerEntry", "Allocation", "ReconciliationRun"}
TYPES = tuple(name for name in TAGS if name not in PROMISED)


def _nullable() -> tuple[str, ...]:
    """Coordinates that may be withheld: others are promised to be there."""
    found = []
    for type_name in (*TAGS, *EMBEDDED, *sorted(FIGURES)):
        named = PLAIN.type_map[type_name]
        assert isinstance(named, GraphQLObjectType)
        found += [
            f"{type_name}.{name}"
            for name, field in named.fields.items()
            if not isinstance(field.type, GraphQLNonNull)
        ]
    return tuple(found)


TARGETS = (*sorted({each for each in GROUPS.values() if each}), *_nullable())


@st.composite
def policies(draw: DrawFn, subjects: tuple[str, ...]) -> Policy:
    """The shipped policy with one to three rules more, about any of the subjects."""
    rules = draw(st.lists(_rules(subjects), min_size=1, max_size=3, unique=True))
    return Policy(version=POLICY.version, rules=(*POLICY.rules, *rules))


@st.composite
def _rules(draw: DrawFn, subjects: tuple[str, ...]) -> Rule:
    is_of_rows = draw(st.integers(0, 3)) == 3
    target = draw(st.sampled_from(TYPES if is_of_rows else TARGETS))
    effects = [each for each in Effect if each is not Effect.MASK or not is_of_rows]
    scope = draw(st.sampled_from([each for each in Scope if each is not Scope.NONE]))
    effect = draw(st.sampled_from(effects))
    subject = draw(st.sampled_from(subjects))
    return rule_from((subject, target, "read", scope, effect, "added"))
