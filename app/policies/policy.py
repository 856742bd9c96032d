"""One version of the rules in force."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from app.policies.rules import Rule, shipped_rules


@dataclass(frozen=True, eq=False)
class Policy:
    """The rules in force as of a version. Compared by identity: a change makes a new one."""

    version: int
    rules: tuple[Rule, ...]

    @cached_property
    def by_subject(self) -> Mapping[str, tuple[Rule, ...]]:
        """The rules of each subject, in policy order."""
        index: defaultdict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            index[rule.subject].append(rule)
        return {subject: tuple(rules) for subject, rules in index.items()}

    def of_subjects(self, subjects: Iterable[str]) -> tuple[Rule, ...]:
        """The rules that speak of any of the subjects."""
        return tuple(rule for each in subjects for rule in self.by_subject.get(each, ()))


def shipped_policy(version: int = 0) -> Policy:
    """The policy of a database whose rules nobody has changed."""
    return Policy(version=version, rules=shipped_rules())
