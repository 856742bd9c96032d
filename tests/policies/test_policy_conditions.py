"""Conditions are exact, and their formulas say the same as their truth tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.policies.conditions import ALWAYS, FACTS, NEVER, SITUATIONS, ScopeCondition
from app.policies.scopes import Scope

conditions = st.builds(ScopeCondition, st.integers(0, 255))


@pytest.mark.parametrize("table", range(256))
def test_the_formula_holds_exactly_where_the_table_does(table: int):
    condition = ScopeCondition(table)
    for facts in SITUATIONS:
        by_formula = any(
            all((literal.scope in facts) is literal.holds for literal in conjunction)
            for conjunction in condition.conjunctions
        )
        assert by_formula is condition.holds(facts)


def test_the_ends():
    assert NEVER.conjunctions == ()
    assert ALWAYS.conjunctions == ((),)
    assert ScopeCondition.of() == NEVER == ScopeCondition.of(Scope.NONE)
    assert ScopeCondition.of(Scope.ALL, Scope.OWN) == ALWAYS


@given(st.sets(st.sampled_from(FACTS), min_size=1))
def test_scopes_alone_need_no_negation(scopes: set[Scope]):
    formula = ScopeCondition.of(*scopes).conjunctions
    assert {conjunction[0].scope for conjunction in formula} == scopes
    assert all(len(each) == 1 and each[0].holds for each in formula)


@given(conditions, conditions, st.sampled_from(SITUATIONS))
def test_operators_act_row_by_row(a: ScopeCondition, b: ScopeCondition, facts: frozenset[Scope]):
    assert (a | b).holds(facts) is (a.holds(facts) or b.holds(facts))
    assert (a & b).holds(facts) is (a.holds(facts) and b.holds(facts))
    assert (a - b).holds(facts) is (a.holds(facts) and not b.holds(facts))


@given(conditions, conditions)
def test_covers_is_containment(a: ScopeCondition, b: ScopeCondition):
    assert a.covers(b) is all(a.holds(each) for each in SITUATIONS if b.holds(each))


def test_all_goes_without_saying():
    assert ScopeCondition.of(Scope.OWN).holds({Scope.ALL, Scope.OWN})
    assert not ScopeCondition.of(Scope.OWN).holds({Scope.ALL})
