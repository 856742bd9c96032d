"""Explanations, statements and verifications: they add up, and answers have an end."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

import asyncpg
import orjson
import pytest

from app.models import metadata
from app.policies.policy import Policy
from app.policies.rules import rule_from
from tests.planner.company import Company
from tests.planner.harness import POLICY, Outcome
from tests.planner.oracle_fields import global_id
from tests.planner.world_books import BEHIND, FOLLOWS_ANOTHER, FORGED, MISSES_ONE

EVERYBODY = "filter: {status: [ACTIVE, SUSPENDED, DELETED, ARCHIVED, MERGED]}"
MOST_LINES, MOST_ENTRIES = 5000, 10_000
COPIED = ", ".join(
    each.name
    for each in metadata.tables["ledger_entries"].columns
    if each.name not in {"id", "sequence", "transaction_date", "number"}
)
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


def ask(company: Company, text: str) -> Any:
    outcome = company.planned.ask(company.viewer("controller"), text)
    assert outcome.json is not None, outcome
    return orjson.loads(outcome.json)


def test_the_leaves_of_an_explanation_add_up_to_the_balance(company: Company) -> None:
    text = f"""{{ customers(first: 19, {EVERYBODY}) {{ nodes {{ currentBalance explainBalance(
        asOf: "2027-01-01") {{ balance {{ current }} groups {{ count total entries {{ amount }} }}
    }} }} }} }}"""
    for customer in ask(company, text)["customers"]["nodes"]:
        explained = customer["explainBalance"]
        total = Decimal()
        for group in explained["groups"]:
            amounts = [Decimal(entry["amount"]) for entry in group["entries"]]
            assert len(amounts) == group["count"]
            assert sum(amounts) == Decimal(group["total"])
            total += sum(amounts)
        assert total == Decimal(explained["balance"]["current"])
        assert explained["balance"]["current"] == customer["currentBalance"]


def test_a_statement_goes_from_its_opening_to_its_closing_balance(company: Company) -> None:
    """And one span after another is as good as one span."""
    spans = (
        ("2026-01-01", "2026-01-31"),
        ("2026-02-01", "2026-03-31"),
        ("2026-01-01", "2026-03-31"),
    )
    fields = "openingBalance closingBalance lines { debit credit runningBalance entry { number } }"
    asked = " ".join(
        f's{place}: statement(from: "{first}", to: "{last}") {{ {fields} }}'
        for place, (first, last) in enumerate(spans)
    )
    counted = 0
    for row in company.world.rows("customers"):
        text = f'{{ customer(id: "{global_id("Customer", row)}") {{ {asked} }} }}'
        one, two, both = ask(company, text)["customer"].values()
        for statement in (one, two, both):
            balance = Decimal(statement["openingBalance"])
            for line in statement["lines"]:
                assert (line["debit"] is None) is not (line["credit"] is None)
                balance += Decimal(line["debit"] or 0) - Decimal(line["credit"] or 0)
                assert Decimal(line["runningBalance"]) == balance
                counted += 1
            assert balance == Decimal(statement["closingBalance"])
        assert one["closingBalance"] == two["openingBalance"]
        assert [line["entry"] for line in one["lines"] + two["lines"]] == [
            line["entry"] for line in both["lines"]
        ]
    assert counted > 50


def test_a_verification_names_the_first_broken_entry_and_what_is_wrong(company: Company) -> None:
    text = f"""{{ customers(first: 39, {EVERYBODY}) {{ nodes {{ id verifyLedger {{
        ok entriesChecked headHash reason firstBroken {{ sequence }} }} }} }} }}"""
    found = {each["id"]: each["verifyLedger"] for each in ask(company, text)["customers"]["nodes"]}
    customers = [global_id("Customer", row) for row in company.world.rows("customers")]
    broken = {
        MISSES_ONE: ("An entry is missing before this one.", 4),
        FOLLOWS_ANOTHER: ("This entry does not follow the one before it.", 3),
        FORGED: ("This entry is not what it was when it was posted.", 2),
        BEHIND: ("The account's head is not the last entry.", None),
    }
    for place, customer_id in enumerate(customers):
        verified = found[customer_id]
        reason, sequence = broken.get(place, (None, None))
        assert (verified["ok"], verified["reason"]) == (reason is None, reason)
        assert verified["firstBroken"] == (None if sequence is None else {"sequence": sequence})
    assert Counter(each["ok"] for each in found.values()) == {True: 12, False: 4}
    assert {each["headHash"] for each in found.values() if not each["entriesChecked"]} == {"0" * 64}


@pytest.mark.parametrize("name", ["sales_rep", "admin", "support", "customer"])
def test_who_may_not_see_proofs_gets_no_verification(company: Company, name: str) -> None:
    outcome = company.planned.ask(
        company.viewer(name), "{ customers { nodes { verifyLedger { ok } } } }"
    )
    nodes = orjson.loads(outcome.json or "")["customers"]["nodes"]
    assert nodes
    assert all(node == {"verifyLedger": None} for node in nodes)
    assert outcome.withheld == ("Customer.verifyLedger",)


def test_lists_in_pages_count_as_long_as_they_may_be(company: Company) -> None:
    text = """{ customers(first: %s) { nodes {
        explainBalance { groups { entries { sequence } } } } } }"""
    controller = company.viewer("controller")
    assert company.planned.ask(controller, text % 19).json is not None
    outcome = company.planned.ask(controller, text % 20)
    assert (outcome.code, outcome.path) == ("VALIDATION", ())
    assert outcome.message == "This could read 202400 rows: at most 200000. Ask for less."


LONG = {
    "{ customers(first: 1000) { nodes { ledgerEntries(first: 199) { nodes { %s } } } } }": (
        ("sequence", 2)
    ),
    "query($id: ID!) { customer(id: $id) { statement(from: "
    '"2026-01-01", to: "2026-12-31") { lines { %s } } } }': ("description", 2),
    "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer { %s } } }": ("notes", 120),
}
"""Where a field can stand many times, and how often it may."""


@pytest.mark.parametrize("text", LONG)
def test_the_length_of_an_answer_is_bounded_too(company: Company, text: str) -> None:
    name, fits = LONG[text]
    customer = global_id("Customer", company.world.rows("customers")[1])
    given = {"id": customer, "ids": [customer] * 100}

    def ask_for(times: int) -> Outcome:
        fields = " ".join(f"f{place}: {name}" for place in range(times))
        return company.planned.ask(company.viewer("controller"), text % fields, given)

    assert ask_for(fits).json is not None
    outcome = ask_for(fits + max(1, fits // 10))
    assert (outcome.code, outcome.path) == ("VALIDATION", ())
    assert "characters: at most 25000000. Ask for less." in (outcome.message or "")


def test_looking_up_one_row_many_times_counts_each_time(company: Company) -> None:
    text = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Customer {
        explainBalance { groups { entries { sequence } } } } } }"""
    customer = global_id("Customer", company.world.rows("customers")[1])
    controller = company.viewer("controller")
    assert company.planned.ask(controller, text, {"ids": [customer] * 19}).json is not None
    outcome = company.planned.ask(controller, text, {"ids": [customer] * 20})
    assert (outcome.code, outcome.path) == ("VALIDATION", ())
    assert "This could read 202400 rows" in (outcome.message or "")


def test_within_a_day_lines_stand_in_the_order_of_posting(company: Company) -> None:
    days: Counter[tuple[str, str]] = Counter()
    for row in company.world.rows("customers"):
        customer = global_id("Customer", row)
        text = f"""{{ customer(id: "{customer}") {{ statement(from: "2026-01-01", to: "2026-12-31")
            {{ lines {{ date entry {{ sequence }} }} }} }} }}"""
        lines = ask(company, text)["customer"]["statement"]["lines"]
        order = [(line["date"], line["entry"]["sequence"]) for line in lines]
        assert order == sorted(order)
        days.update((customer, day) for day, _ in order)
    assert sum(count > 1 for count in days.values()) > 5


def test_an_explanation_knows_only_what_was_posted_by_then(company: Company) -> None:
    row = company.world.rows("customers")[3]
    entries = [
        each for each in company.world.rows("ledger_entries") if each["customer_id"] == row["id"]
    ]
    for count, last in enumerate(entries, start=1):
        text = f"""{{ customer(id: "{global_id("Customer", row)}") {{ explainBalance(
            asOf: "2026-12-31", knownAt: "{last["posted_at"].isoformat()}"
        ) {{ balance {{ current }} groups {{ count total entries {{ number }} }} }} }} }}"""
        explained = ask(company, text)["customer"]["explainBalance"]
        known = sum(each["amount"] for each in entries[:count])
        assert sum(group["count"] for group in explained["groups"]) == count
        assert sum(len(group["entries"]) for group in explained["groups"]) == count
        assert sum(Decimal(group["total"]) for group in explained["groups"]) == known
        assert Decimal(explained["balance"]["current"]) == known


def test_who_may_not_see_entries_sees_no_lines_and_no_groups(company: Company) -> None:
    """By a rule of the day: all shipped roles see the entries of the customers they see."""
    rule = rule_from(("SUPPORT", "LedgerEntry", "read", "ALL", "DENY", "added"))
    policy = Policy(version=POLICY.version, rules=(*POLICY.rules, rule))
    customer = global_id("Customer", company.world.rows("customers")[1])
    text = f"""{{ customer(id: "{customer}") {{ explainBalance {{ groups {{ count }} }}
        statement(from: "2026-01-01", to: "2026-12-31") {{ lines {{ debit }} }} }} }}"""
    support = company.viewer("support")
    shown = orjson.loads(company.planned.ask(support, text).json or "")["customer"]
    assert shown["statement"]["lines"]
    assert shown["explainBalance"]["groups"]
    hidden = orjson.loads(company.planned.ask(support, text, policy=policy).json or "")["customer"]
    assert hidden == {"statement": {"lines": []}, "explainBalance": {"groups": []}}


def test_a_span_that_ends_before_it_begins_is_refused(company: Company) -> None:
    text = """query($from: Date!) { customers { nodes {
        s: statement(from: $from, to: "2026-02-01") { closingBalance } } } }"""
    controller = company.viewer("controller")
    assert company.planned.ask(controller, text, {"from": "2026-02-01"}).json is not None
    outcome = company.planned.ask(controller, text, {"from": "2026-02-02"})
    assert (outcome.code, outcome.path) == ("VALIDATION", ("customers", "nodes", "s", "from"))


@pytest.fixture(scope="module")
def crowded(company: Company) -> Iterator[str]:
    """A customer with as many entries on one day as a list may have; half of them on its first."""
    customer = company.world.rows("customers")[1]

    async def crowd(connection: Connection) -> None:
        await connection.execute("ALTER TABLE ledger_entries DISABLE TRIGGER USER")
        await connection.execute(
            f"""INSERT INTO ledger_entries (id, sequence, transaction_date, number, {COPIED})
            SELECT uuidv7(), 1000 + n, date '2025-06-01' + n / $3, 'CROWD-' || n, {COPIED}
            FROM generate_series(0, $2 - 1) n, (
                SELECT * FROM ledger_entries WHERE customer_id = $1 AND sequence = 1
            ) one""",
            customer["id"],
            MOST_ENTRIES,
            MOST_LINES,
        )

    async def clear(connection: Connection) -> None:
        await connection.execute("DELETE FROM ledger_entries WHERE number LIKE 'CROWD-%'")
        await connection.execute("ALTER TABLE ledger_entries ENABLE TRIGGER USER")

    company.planned.as_owner(crowd)
    yield global_id("Customer", customer)
    company.planned.as_owner(clear)


def test_a_statement_has_an_end(company: Company, crowded: str) -> None:
    text = """query($id: ID!, $to: Date!) { customer(id: $id) {
        statement(from: "2025-06-01", to: $to) { rows: lines { debit } } } }"""
    controller = company.viewer("controller")
    outcome = company.planned.ask(controller, text, {"id": crowded, "to": "2025-06-01"})
    assert len(orjson.loads(outcome.json or "")["customer"]["statement"]["rows"]) == MOST_LINES
    outcome = company.planned.ask(controller, text, {"id": crowded, "to": "2025-06-02"})
    assert (outcome.code, outcome.path) == ("VALIDATION", ("customer", "statement", "rows"))
    assert outcome.message == "More than 5000 lines: ask for a shorter span of dates."


def test_an_explanation_has_an_end(company: Company, crowded: str) -> None:
    text = """query($id: ID!, $asOf: Date!) { customer(id: $id) {
        explainBalance(asOf: $asOf) { groups { count entries { sequence } } } } }"""
    controller = company.viewer("controller")
    outcome = company.planned.ask(controller, text, {"id": crowded, "asOf": "2025-06-02"})
    (group,) = orjson.loads(outcome.json or "")["customer"]["explainBalance"]["groups"]
    assert len(group["entries"]) == group["count"] == MOST_ENTRIES
    outcome = company.planned.ask(controller, text, {"id": crowded, "asOf": "2026-12-31"})
    path = ("customer", "explainBalance", "groups", "entries")
    assert (outcome.code, outcome.path) == ("VALIDATION", path)
    assert outcome.message == "More than 10000 entries: read `ledgerEntries` in pages instead."
