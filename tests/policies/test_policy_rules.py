"""The policy file: what a line may say, and what is said about one that may not."""

import pytest

from app.policies.rules import InvalidPolicy, Rule, parse_rules, shipped_rules

GOOD = "p, SUPPORT, Customer.email, read, ALL, MASK, hides addresses"


def test_a_line_is_a_rule():
    (rule,) = parse_rules(f"# a comment\n\n{GOOD}\n")
    assert rule.subject == "SUPPORT"
    assert rule.object == "Customer.email"
    assert (rule.action, rule.scope, rule.effect) == ("read", "ALL", "MASK")
    assert rule.description == "hides addresses"


def test_a_description_may_be_quoted():
    (rule,) = parse_rules('p, *, Mutation.login, execute, ALL, ALLOW, "first, and (always)"')
    assert rule.description == "first, and (always)"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("g, SUPPORT, ADMIN", "a rule starts with p, not 'g'"),
        ("p, SUPPORT, Customer, read, ALL", "expected 6 columns, got 4"),
        ("p, NOBODY, Customer, read, ALL, ALLOW, x", "subject: 'NOBODY' is no role"),
        ("p, user:12, Customer, read, ALL, ALLOW, x", "subject: 'user:12' holds no user id"),
        ("p, SUPPORT, a b, read, ALL, ALLOW, x", "object: 'a b' is no coordinate"),
        ("p, SUPPORT, Customer, write, ALL, ALLOW, x", "action: 'write' is not one of"),
        ("p, SUPPORT, Customer, read, SOME, ALLOW, x", "scope: 'SOME' is not one of"),
        ("p, SUPPORT, Customer, read, ALL, PERMIT, x", "effect: 'PERMIT' is not one of"),
        ("p, SUPPORT, Mutation.login, read, ALL, ALLOW, x", "action: Mutation.login is not for"),
        ("p, SUPPORT, Customer, execute, ALL, ALLOW, x", "action: Customer is not for execute"),
        ("p, SUPPORT, Customer, read, ALL, MASK, x", "cannot be masked"),
        ("p, SUPPORT, Query.users, read, ALL, MASK, x", "cannot be masked"),
        ("p, SUPPORT, Mutation.login, execute, ALL, MASK, x", "cannot be masked"),
        ('p, "SUPPORT, Customer', "not comma-separated values"),
        (GOOD, "says the same as an earlier line"),
    ],
)
def test_a_faulty_line_is_named_with_its_number_and_reason(line: str, reason: str):
    with pytest.raises(InvalidPolicy) as refused:
        parse_rules(f"# a comment\n{GOOD}\n\n{line}\n")
    ((number, said),) = refused.value.problems
    assert number == 4
    assert reason in said


def test_every_faulty_line_is_reported_at_once():
    with pytest.raises(InvalidPolicy, match=r"(?s)line 1: .*line 3: "):
        parse_rules(f"p\n{GOOD}\nq\n")


def test_an_id_depends_on_what_a_rule_means_and_not_on_its_words():
    (rule,) = parse_rules(GOOD)
    (reworded,) = parse_rules(GOOD.replace("hides addresses", "says why"))
    (widened,) = parse_rules(GOOD.replace("ALL", "TEAM"))
    assert rule.id == reworded.id
    assert rule.id != widened.id
    assert str(rule.id) == "9b32afb6-2f39-5812-8591-8ed28c8d2c13"


def test_shipped_rules_are_described():
    assert all(isinstance(each, Rule) and each.description for each in shipped_rules())
