"""After the load: what the clients were told against what PostgreSQL holds, row by row."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from app.domain import global_id
from tests.chaos.asking import Account, Allocated, Answer, Ask, Told
from tests.invariants import broken

Owner = asyncpg.Connection
Key = tuple[UUID, UUID]
"""A row of a customer: their id and its own."""

ENTRY_TYPES = {
    "postInvoice": "INVOICE",
    "recordPayment": "PAYMENT",
    "issueCreditNote": "CREDIT_NOTE",
}


async def reckon(owner: Owner, told: Told, accounts: Iterable[Account]) -> None:
    """Every acknowledged key has its one effect, and there is nothing else."""
    assert await broken(owner) == {}
    assert not told.refused & told.answers.keys()
    await _keys(owner, told)
    await _entries(owner, told)
    await _allocations(owner, told)
    await _figures(owner, told, accounts)
    await _trail(owner, told)


async def _keys(owner: Owner, told: Told) -> None:
    """One row per acknowledged key, with the ids that were acknowledged; none for a refused one."""
    rows = await owner.fetch("SELECT actor_id, key, operation, result FROM idempotency_keys")
    assert {(row["actor_id"], row["key"]) for row in rows} == told.answers.keys()
    for row in rows:
        identity = row["actor_id"], row["key"]
        ask, answer = told.asked[identity], told.answers[identity]
        assert row["operation"] == ask.mutation
        result = orjson.loads(row["result"])
        entries = [_entry(answer)] if ask.amount is not None else []
        assert _stored(result["entries"]) == entries, (ask, result)
        if ask.undoes is None:
            made = sorted(_key(each.id) for each in answer.allocations)
            assert sorted(_stored(result["allocations"])) == made, (ask, result)
        else:
            assert len(result["allocations"]) == 1


async def _entries(owner: Owner, told: Told) -> None:
    """As many entries as acknowledged, each as it was asked for and by whom."""
    rows = await owner.fetch("SELECT * FROM ledger_entries")
    found = {(row["customer_id"], row["id"]): row for row in rows}
    posted = [
        (ask, told.answers[identity])
        for identity, ask in told.asked.items()
        if ask.amount is not None
    ]
    assert len(posted) == len(rows)
    assert {_entry(answer) for _, answer in posted} == found.keys()
    for ask, answer in posted:
        row = found[_entry(answer)]
        assert row["amount"] == ask.amount
        assert row["type"] == ENTRY_TYPES[ask.mutation]
        assert row["currency"] == ask.account.currency
        assert row["customer_id"] == ask.account.id
        assert row["posted_by"] == ask.person.user_id
        assert row["transaction_date"].isoformat() == ask.input["transactionDate"]
        assert row["external_reference"] == ask.input["externalReference"]


async def _allocations(owner: Owner, told: Told) -> None:
    """Every allocation was told to the one who made it; each is undone once at most, by its ask."""
    rows = await owner.fetch("SELECT * FROM allocations")
    made = {(row["customer_id"], row["id"]): row for row in rows if row["undoes_id"] is None}
    mirrors = {
        (row["customer_id"], row["undoes_id"]): row for row in rows if row["undoes_id"] is not None
    }
    acknowledged = [(ask, each) for ask, each in _told_allocations(told)]
    assert len(acknowledged) == len(made)
    assert {_key(each.id) for _, each in acknowledged} == made.keys()
    for ask, each in acknowledged:
        row = made[_key(each.id)]
        assert row["amount"] == each.amount
        assert (row["customer_id"], row["credit_id"]) == _key(each.credit)
        assert (row["customer_id"], row["debit_id"]) == _key(each.debit)
        assert row["allocated_by"] == ask.person.user_id
    undone = _undone(told)
    assert len(set(undone)) == len(undone)
    assert set(undone) == mirrors.keys()
    for key, row in mirrors.items():
        assert row["amount"] == -made[key]["amount"]


async def _figures(owner: Owner, told: Told, accounts: Iterable[Account]) -> None:
    """The stored balances are those that the clients can work out from their own answers."""
    undone = set(_undone(told))
    for account in accounts:
        asks = [ask for ask in told.asked.values() if ask.account == account]
        amounts = [ask.amount for ask in asks if ask.amount is not None]
        used = sum(
            (
                each.amount
                for ask, each in _told_allocations(told)
                if ask.account == account and _key(each.id) not in undone
            ),
            Decimal(0),
        )
        row = await owner.fetchrow("SELECT * FROM accounts WHERE customer_id = $1", account.id)
        assert row is not None
        assert row["pending"] == sum(a for a in amounts if a > 0) - used
        assert row["advance"] == -sum(a for a in amounts if a < 0) - used
        assert row["current"] == sum(amounts)
        assert row["sequence"] == len(amounts)


async def _trail(owner: Owner, told: Told) -> None:
    """One DONE event per entry, and per allocation without one; replays and refusals as often as
    the clients saw them, or more often where answers were lost.
    """
    rows = await owner.fetch(
        "SELECT outcome, count(*) AS number FROM audit_events "
        "WHERE action <> 'createFiscalYear' GROUP BY outcome"
    )
    events = Counter({row["outcome"]: row["number"] for row in rows})
    counts = told.counts
    refusals = sum(number for name, number in counts.items() if name.startswith("refused "))
    replays = counts["replayed"]
    done = (
        len(told.answers[identity].allocations) if ask.mutation == "allocate" else 1
        for identity, ask in told.asked.items()
    )
    assert events["DONE"] == sum(done)
    if counts["lost"] or counts["unavailable"]:
        assert events["REPLAYED"] >= replays
        assert events["REFUSED"] >= refusals
        assert counts["executed"] <= len(told.answers)
    else:
        assert events["REPLAYED"] == replays
        assert events["REFUSED"] == refusals
        assert counts["executed"] == len(told.answers)


def _told_allocations(told: Told) -> Iterable[tuple[Ask, Allocated]]:
    for identity, ask in told.asked.items():
        if ask.undoes is None:
            for each in told.answers[identity].allocations:
                yield ask, each


def _undone(told: Told) -> list[Key]:
    return [_key(ask.undoes) for ask in told.asked.values() if ask.undoes is not None]


def _entry(answer: Answer) -> Key:
    assert answer.entry is not None
    return _key(answer.entry)


def _key(name: str) -> Key:
    decoded = global_id.decode(name)
    assert decoded.customer_id is not None
    return decoded.customer_id, decoded.id


def _stored(keys: list[Any]) -> list[Key]:
    return [(UUID(customer), UUID(id_)) for customer, id_ in keys]
