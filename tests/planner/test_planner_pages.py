"""What pages hold to, whatever is selected beside their rows."""

from base64 import urlsafe_b64encode
from itertools import combinations

import orjson
import pytest

from tests.planner.company import Company
from tests.planner.harness import PLAIN

FACTS = ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor")
ALL_STATUSES = "[ACTIVE, SUSPENDED, DELETED, ARCHIVED, MERGED]"
SOME_FACTS = [each for size in range(len(FACTS) + 1) for each in combinations(FACTS, size)]


@pytest.mark.parametrize("window", ["first: 5", "last: 5"])
@pytest.mark.parametrize("facts", SOME_FACTS, ids=" ".join)
def test_rows_stand_in_their_order_whatever_is_asked_of_the_page(
    company: Company, window: str, facts: tuple[str, ...]
) -> None:
    text = f"""{{ customers({window}, orderBy: {{field: CODE}}) {{
        nodes {{ code }} edges {{ cursor node {{ code }} }}
        pageInfo {{ __typename {" ".join(facts)} }} }} }}"""
    outcome = company.planned.ask(company.viewer("admin"), text)
    page = orjson.loads(outcome.json or "")["customers"]
    codes = [each["code"] for each in page["nodes"]]
    assert codes == sorted(codes)
    assert codes == [each["node"]["code"] for each in page["edges"]]
    for fact, place in (("startCursor", 0), ("endCursor", -1)):
        if fact in facts:
            assert page["pageInfo"][fact] == page["edges"][place]["cursor"]


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
def test_entries_without_a_due_date_are_met_page_by_page_too(
    company: Company, direction: str
) -> None:
    text = f"""query($after: Cursor) {{ ledgerEntries(
        first: 1, after: $after, orderBy: {{field: DUE_DATE, direction: {direction}}}
    ) {{ pageInfo {{ endCursor }} nodes {{ id dueDate }} }} }}"""
    found: list[str] = []
    cursor = None
    while True:
        outcome = company.planned.ask(company.viewer("controller"), text, {"after": cursor})
        page = orjson.loads(outcome.json or "")["ledgerEntries"]
        if not page["nodes"]:
            break
        found += [each["id"] for each in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
    assert len(found) == len(set(found)) == len(company.world.rows("ledger_entries"))


@pytest.mark.parametrize(("size", "next_page"), [("first", "after"), ("last", "before")])
def test_rows_that_match_equally_well_are_met_page_by_page_too(
    company: Company, size: str, next_page: str
) -> None:
    """Their score is two thirds, which no binary number is: a cursor must spell it as it is."""
    text = f"""query($cursor: Cursor) {{ customers(
        {size}: 1, {next_page}: $cursor, filter: {{search: "C0", status: {ALL_STATUSES}}}
    ) {{ pageInfo {{ endCursor }} nodes {{ code }} }} }}"""
    found: list[str] = []
    cursor = None
    while len(found) <= len(company.world.rows("customers")):
        outcome = company.planned.ask(company.viewer("controller"), text, {"cursor": cursor})
        page = orjson.loads(outcome.json or "")["customers"]
        if not page["nodes"]:
            break
        found += [each["code"] for each in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"]
    assert sorted(found) == sorted(row["code"] for row in company.world.rows("customers"))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ("first: 0", "first"),
        ("last: 1001", "last"),
        ('after: "YWJj"', "after"),
        ('before: "YWJj"', "before"),
    ],
)
@pytest.mark.parametrize("selected", ["totalCount", "__typename", "nodes { code }"])
def test_an_argument_is_refused_whatever_is_selected(
    company: Company, arguments: str, path: str, selected: str
) -> None:
    text = f"{{ customers({arguments}) {{ {selected} }} }}"
    outcome = company.planned.ask(company.viewer("admin"), text)
    assert (outcome.code, outcome.path) == ("VALIDATION", ("customers", path))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (
            "{ a: customers { nodes { b: ledgerEntries(first: 0) { totalCount } } } }",
            "a.nodes.b.first",
        ),
        (
            """{ teams { ...t } }
            fragment t on Team { members { edges { node { ...u } } } }
            fragment u on User { team { members(first: 0) { totalCount } } }""",
            "teams.members.edges.node.team.members.first",
        ),
        (
            """{ customers { nodes { one: ledgerEntries { totalCount }
            two: ledgerEntries(filter: {number: {eq: "\\u0000"}}) { totalCount } } } }""",
            "customers.nodes.two.filter.number.eq",
        ),
        (
            """query($after: Cursor = "YWJj") {
            customers { nodes { ledgerEntries(after: $after) { totalCount } } } }""",
            "customers.nodes.ledgerEntries.after",
        ),
    ],
)
def test_a_refusal_names_the_way_to_what_is_wrong(company: Company, text: str, path: str) -> None:
    outcome = company.planned.ask(company.viewer("controller"), text)
    assert (outcome.code, ".".join(outcome.path)) == ("VALIDATION", path)


@pytest.mark.parametrize(
    ("order", "values"),
    [
        ("CREATED_AT", ["0001-01-01T00:00:00+23:00"]),
        ("CREATED_AT", ["9999-12-31T23:59:59-23:00"]),
        ("CREATED_AT", ["2026-01-01T00:00:00"]),
        ("CREATED_AT", ["yesterday"]),
        ("PENDING_BALANCE", ["NaN"]),
        ("PENDING_BALANCE", ["Infinity"]),
        ("PENDING_BALANCE", ["1e41"]),
        ("PENDING_BALANCE", [5]),
        ("CODE", ["nul\0"]),
        ("CODE", [None]),
        ("CODE", []),
        ("CODE", ["one", "too many"]),
    ],
)
def test_a_forged_cursor_is_refused_as_a_cursor(
    company: Company, order: str, values: list[object]
) -> None:
    listed = [f"Customer+{order}+ID", *values, "00000000-0000-0000-0000-000000000000"]
    cursor = urlsafe_b64encode(orjson.dumps(listed)).decode().rstrip("=")
    text = f'{{ customers(after: "{cursor}", orderBy: {{field: {order}}}) {{ nodes {{ id }} }} }}'
    outcome = company.planned.ask(company.viewer("admin"), text)
    assert (outcome.code, outcome.path) == ("VALIDATION", ("customers", "after"))


def test_every_order_of_every_list_can_be_walked(company: Company) -> None:
    """Forwards and backwards, one row at a time, in each order that an input type names."""
    for list_name, order_type in (("customers", "Customer"), ("ledgerEntries", "LedgerEntry")):
        for order in PLAIN.type_map[f"{order_type}OrderField"].values:
            walks = {
                (size, cursor): _walk(company, list_name, order, size, cursor)
                for size, cursor in (("first", "after"), ("last", "before"))
            }
            forwards, backwards = walks.values()
            assert forwards == backwards[::-1]
            assert len(forwards) == len(set(forwards)) > 10


def _walk(company: Company, list_name: str, order: str, size: str, cursor: str) -> list[str]:
    text = f"""query($at: Cursor) {{ {list_name}(
        {size}: 1, {cursor}: $at, orderBy: {{field: {order}, direction: DESC}}
    ) {{ edges {{ cursor node {{ id }} }} }} }}"""
    found: list[str] = []
    at = None
    while True:
        outcome = company.planned.ask(company.viewer("controller"), text, {"at": at})
        edges = orjson.loads(outcome.json or "")[list_name]["edges"]
        if not edges:
            return found
        found += [each["node"]["id"] for each in edges]
        at = edges[-1 if size == "first" else 0]["cursor"]
