"""What a rule added at run time withholds is told by no look-up, no filter and no cursor either."""

from base64 import urlsafe_b64decode

import orjson
import pytest

from app.policies.policy import Policy
from app.policies.rules import rule_from
from tests.planner.company import Company
from tests.planner.harness import POLICY

TOLD = {
    "Customer.code": '{ customer(code: "C") { id } }',
    "Product.sku": '{ product(sku: "S") { id } }',
    "LedgerEntry.number": '{ ledgerEntry(number: "N") { id } }',
    "AccountingPeriod.startsOn": '{ accountingPeriod(covers: "2026-01-15") { id } }',
    "AccountingPeriod.endsOn": """{
        accountingPeriods(filter: {covers: "2026-01-15"}) { totalCount } }""",
}
USUAL = {
    "AccountingPeriod.startsOn": "{ accountingPeriods { pageInfo { endCursor } } }",
    "LedgerEntry.dueDate": """{ customers { nodes { openItems { pageInfo { endCursor } } } } }""",
}


def denying(coordinate: str) -> Policy:
    columns = ("SUPPORT", coordinate, "read", "ALL", "DENY", "")
    return Policy(version=POLICY.version, rules=(*POLICY.rules, rule_from(columns)))


@pytest.mark.parametrize("coordinate", TOLD)
def test_nothing_is_found_by_what_is_withheld(company: Company, coordinate: str) -> None:
    viewer = company.viewer("support")

    assert company.planned.ask(viewer, TOLD[coordinate]).code is None
    refused = company.planned.ask(viewer, TOLD[coordinate], policy=denying(coordinate))

    assert refused.code == "FORBIDDEN"
    assert refused.details == {"coordinate": coordinate}


@pytest.mark.parametrize("coordinate", USUAL)
def test_the_usual_order_gives_way(company: Company, coordinate: str) -> None:
    viewer = company.viewer("support")

    answer = company.planned.ask(viewer, USUAL[coordinate], policy=denying(coordinate))

    cursors = list(_cursors(orjson.loads(answer.json or "")))
    assert cursors
    assert {len(orjson.loads(urlsafe_b64decode(each + "==="))) for each in cursors} == {2}


def _cursors(value: object):  # type: ignore[no-untyped-def]
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name == "endCursor" and inner is not None:
            yield inner
        yield from _cursors(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _cursors(inner)
