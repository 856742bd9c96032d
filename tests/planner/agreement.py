"""Whether the planner says what it must: held against the oracle and against graphql-core."""

import json
from collections.abc import Mapping
from typing import Any

import orjson

from app.policies.policy import Policy
from app.schema.root import schema
from tests.generation.operations import Operation
from tests.planner.company import Company
from tests.planner.harness import POLICY, Outcome
from tests.planner.oracle import Expected
from tests.planner.shape import completed, strict_schema

MAX_NESTED_ROWS = 200_000
MAX_CHARACTERS = 25_000_000
STRICT = strict_schema(schema.as_str())


class Disagreement(AssertionError):
    """The planner answered something else."""


def check(company: Company, name: str, operation: Operation, policy: Policy = POLICY) -> None:
    """Both oracles, on both sets of variables: the second meets the plan that the first made."""
    for variables in (operation.variables, operation.others):
        _check(company, name, operation.text, variables, policy)


def _check(
    company: Company, name: str, text: str, variables: Mapping[str, Any], policy: Policy
) -> None:
    expected = company.oracle(name, policy).answer(text, variables)
    outcome = company.planned.ask(company.viewer(name), text, variables, policy)
    found = differences(outcome, expected)
    if found is None and outcome.json is not None:
        data = orjson.loads(outcome.json)
        again = completed(STRICT, text, variables, data, expected.types)
        found = None if _same(again, data) else f"graphql-core completes it as {again}"
    if found is not None:
        added = [each for each in policy.rules if each not in POLICY.rules]
        raise Disagreement(f"{found}\n\nas {name}, with {added}: {text}\n{dict(variables)}")


def differences(outcome: Outcome, expected: Expected) -> str | None:
    """What is wrong with an outcome, in words; None when nothing is."""
    is_large = expected.nested_rows > MAX_NESTED_ROWS or expected.characters > MAX_CHARACTERS
    if is_large and outcome.message and not outcome.path:
        return None
    if expected.refusals:
        coordinate = (outcome.details or {}).get("coordinate")
        refusal = (outcome.code, outcome.path, coordinate)
        if refusal in {tuple(each) for each in expected.refusals}:
            return None
        return f"{outcome}\nshould have been refused: {expected.refusals}"
    if outcome.json is None:
        return f"{outcome}\nshould not have been refused"
    if not _same(orjson.loads(outcome.json), expected.data):
        return f"{outcome.json}\nshould have been\n{json.dumps(expected.data)}"
    return _kept_back(outcome, expected)


def _kept_back(outcome: Outcome, expected: Expected) -> str | None:
    for kept_back, should in (
        (outcome.withheld, expected.withheld),
        (outcome.masked, expected.masked),
    ):
        if len(kept_back) != len(should) or set(kept_back) != should:
            return f"kept back {kept_back}, should have been {sorted(should)}"
    return None


def _same(one: Any, other: Any) -> bool:
    """Equal, and in the same order."""
    return json.dumps(one) == json.dumps(other)
