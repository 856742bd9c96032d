"""Permission rules: what one says, and reading them from the policy file.

A rule is `p, subject, object, action, scope, effect, description`.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid5

from app.policies.roles import Role
from app.policies.scopes import Scope

EVERYBODY = "*"
UNGUARDED = "unguarded"
"""The guard group of every field that names none."""

_Word = TypeVar("_Word", bound=StrEnum)
_RULE_IDS = UUID("6a2f5ce4-6f0c-5b53-9a0e-4a1c2f6b8d10")
_COLUMNS = ("subject", "object", "action", "scope", "effect", "description")
_GROUP = re.compile(r"[a-z]+(\.[a-z]+)?")
_TYPE = re.compile(r"[A-Z][A-Za-z0-9]*")
_COORDINATE = re.compile(r"[A-Z][A-Za-z0-9]*\.[A-Za-z_][A-Za-z0-9_]*")


class Effect(StrEnum):
    """What a rule does. Within a role DENY beats MASK beats ALLOW; nothing said is DENY."""

    ALLOW = "ALLOW"
    MASK = "MASK"
    DENY = "DENY"


class Action(StrEnum):
    """What is done: seeing a row, a field or a query, or having something done."""

    READ = "read"
    EXECUTE = "execute"


class InvalidRule(ValueError):
    """A rule that means nothing. The message names the column and the value."""


class InvalidPolicy(ValueError):
    """A policy file that cannot be used. `problems` holds every (line number, reason)."""

    def __init__(self, problems: Sequence[tuple[int, str]]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"line {line}: {reason}" for line, reason in self.problems))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule. `id` depends on what the rule means, not on its description."""

    subject: str
    object: str
    action: Action
    scope: Scope
    effect: Effect
    description: str = ""

    @cached_property
    def id(self) -> UUID:
        """Stable over processes, files and machines."""
        parts = (self.subject, self.object, self.action, self.scope, self.effect)
        return uuid5(_RULE_IDS, "\x1f".join(parts))


def user_subject(user_id: UUID) -> str:
    """The subject of rules that speak of one user."""
    return f"user:{user_id}"


def action_on(target: str) -> Action:
    """The one action there is on an object: mutations, inputs and approvals are executed."""
    owner = target.partition(".")[0]
    executed = owner in {"Mutation", "ApprovalKind"} or owner.endswith("Input")
    return Action.EXECUTE if executed else Action.READ


def rule_from(columns: Sequence[str]) -> Rule:
    """The rule that six columns spell, subject to description. Raises InvalidRule."""
    if len(columns) != len(_COLUMNS):
        raise InvalidRule(f"expected {len(_COLUMNS)} columns, got {len(columns)}")
    subject, target, action, scope, effect, description = (each.strip() for each in columns)
    rule = Rule(
        subject=_subject(subject),
        object=_object(target),
        action=_member(Action, "action", action),
        scope=_member(Scope, "scope", scope),
        effect=_member(Effect, "effect", effect),
        description=description,
    )
    if rule.action is not action_on(rule.object):
        raise InvalidRule(f"action: {rule.object} is not for {rule.action}")
    if rule.effect is Effect.MASK and not _can_be_masked(rule.object):
        raise InvalidRule(f"effect: {rule.object} is no field or guard group, it cannot be masked")
    return rule


def parse_rules(text: str) -> tuple[Rule, ...]:
    """The rules of a policy file, in its order. Raises InvalidPolicy with every faulty line.

    Blank lines and lines that start with `#` are skipped.
    """
    rules: dict[UUID, Rule] = {}
    problems: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            rule = _parse_line(line)
        except InvalidRule as error:
            problems.append((number, str(error)))
            continue
        if rule.id in rules:
            problems.append((number, "says the same as an earlier line"))
        rules.setdefault(rule.id, rule)
    if problems:
        raise InvalidPolicy(problems)
    return tuple(rules.values())


@lru_cache(maxsize=1)
def shipped_rules() -> tuple[Rule, ...]:
    """The table of roles that ships with the product."""
    return parse_rules(Path(__file__).with_name("policy.csv").read_text(encoding="utf-8"))


def _parse_line(line: str) -> Rule:
    try:
        (columns,) = csv.reader([line], skipinitialspace=True, strict=True)
    except csv.Error as error:
        raise InvalidRule(f"not comma-separated values: {error}") from error
    if columns[0].strip() != "p":
        raise InvalidRule(f"a rule starts with p, not {columns[0]!r}")
    return rule_from(columns[1:])


def _subject(text: str) -> str:
    if text == EVERYBODY or text in Role.__members__:
        return text
    kind, _, key = text.partition(":")
    try:
        if kind == "user" and user_subject(UUID(key)) == text:
            return text
    except ValueError as error:
        raise InvalidRule(f"subject: {text!r} holds no user id") from error
    raise InvalidRule(f"subject: {text!r} is no role, no user:<id> and not {EVERYBODY}")


def _object(text: str) -> str:
    if any(form.fullmatch(text) for form in (_GROUP, _TYPE, _COORDINATE)):
        return text
    raise InvalidRule(f"object: {text!r} is no coordinate, guard group or type")


def _can_be_masked(target: str) -> bool:
    if _GROUP.fullmatch(target):
        return True
    return action_on(target) is Action.READ and "." in target and not target.startswith("Query.")


def _member(kind: type[_Word], column: str, text: str) -> _Word:
    try:
        return kind(text)
    except ValueError as error:
        raise InvalidRule(f"{column}: {text!r} is not one of {', '.join(kind)}") from error
