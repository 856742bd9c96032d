"""Keyed requests, sent until they are answered, and what all clients together were told."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import httpx

from app.domain import global_id
from tests.serving import Client, Reply

PAUSE_SECONDS = 0.1
OK, UNAVAILABLE = 200, 503

_SELECTION = """
    entry { id amount } customer { id }
    allocations { id amount credit { id } debit { id } }
    replayed userErrors { code path }
"""


@dataclass(frozen=True)
class Person:
    """A user who sends requests. `customers` are those that they may post to."""

    user_id: UUID
    client: Client
    mutations: tuple[str, ...]
    customers: tuple["Account", ...]


@dataclass(frozen=True)
class Account:
    """A customer that is posted to."""

    id: UUID
    currency: str
    digits: int

    @property
    def name(self) -> str:
        return global_id.encode("Customer", self.id)

    def money(self, minor_units: int) -> Decimal:
        """So many cents, yen or fils."""
        return Decimal(minor_units).scaleb(-self.digits)


@dataclass(frozen=True)
class Allocated:
    """An allocation as a client was told of it."""

    id: str
    credit: str
    debit: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request under a key. `amount` is what its entry has to come to, signed, if it makes one.

    `undoes` is the allocation that it takes back. `may_be_refused` names the codes that other
    clients can bring about.
    """

    person: Person
    key: str
    mutation: str
    input: Mapping[str, Any]
    account: Account
    amount: Decimal | None = None
    undoes: str | None = None
    may_be_refused: tuple[str, ...] = ()

    @property
    def identity(self) -> tuple[UUID, str]:
        return self.person.user_id, self.key


@dataclass(frozen=True)
class Answer:
    """What the server said, once: either `code` or the rest."""

    code: str | None
    entry: str | None = None
    amount: Decimal | None = None
    allocations: tuple[Allocated, ...] = ()
    replayed: bool = False

    @property
    def effect(self) -> tuple[str | None, Decimal | None, tuple[Allocated, ...]]:
        return self.entry, self.amount, self.allocations


@dataclass
class Told:
    """Everything that the server acknowledged, to anybody."""

    asked: dict[tuple[UUID, str], Ask] = field(default_factory=dict)
    answers: dict[tuple[UUID, str], Answer] = field(default_factory=dict)
    refused: set[tuple[UUID, str]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    debits: dict[UUID, list[tuple[str, Decimal]]] = field(default_factory=dict)
    credits: dict[UUID, list[tuple[str, Decimal]]] = field(default_factory=dict)
    allocations: dict[UUID, list[Allocated]] = field(default_factory=dict)

    async def settle(self, ask: Ask) -> Answer:
        """The final answer, asked for as often as the connection is lost; kept for the reckoning.

        A second request with a key must do nothing and say the same.
        """
        answer = await self._answered(ask)
        if answer.code is not None:
            assert answer.code in ask.may_be_refused, (answer, ask)
            self.counts[f"refused {answer.code}"] += 1
            if ask.identity not in self.asked:
                self.refused.add(ask.identity)
            return answer
        assert answer.amount == ask.amount, (answer, ask)
        earlier = self.answers.get(ask.identity)
        if earlier is None:
            self._learn(ask, answer)
        else:
            assert answer.effect == earlier.effect, (answer, earlier)
        self.counts["replayed" if answer.replayed else "executed"] += 1
        return answer

    def _learn(self, ask: Ask, answer: Answer) -> None:
        self.refused.discard(ask.identity)
        self.asked[ask.identity] = ask
        self.answers[ask.identity] = answer
        owner = ask.account.id
        if answer.entry is not None and answer.amount is not None and ask.amount is not None:
            side = self.debits if answer.amount > 0 else self.credits
            side.setdefault(owner, []).append((answer.entry, abs(answer.amount)))
        if ask.undoes is None:
            self.allocations.setdefault(owner, []).extend(answer.allocations)

    async def read(self, client: Client, query: str, variables: Mapping[str, Any]) -> Any:
        """The data of a query."""
        reply = await self._reply(client, query, variables)
        assert reply.status == OK, reply.body
        return reply.json["data"]

    async def _answered(self, ask: Ask) -> Answer:
        given = {"input": {**ask.input, "idempotencyKey": ask.key}}
        reply = await self._reply(ask.person.client, document(ask.mutation), given)
        return _answer(ask, reply.field(ask.mutation))

    async def _reply(self, client: Client, text: str, variables: Mapping[str, Any]) -> Reply:
        """The first reply that is not lost and not a clean "try again"."""
        while True:
            self.counts["requests"] += 1
            try:
                reply = await client.ask(text, variables)
            except httpx.TransportError:
                self.counts["lost"] += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if reply.status == UNAVAILABLE:
                assert [each["extensions"]["code"] for each in reply.json["errors"]] == [
                    "UNAVAILABLE"
                ], reply.body
                self.counts["unavailable"] += 1
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            self.counts["answered"] += 1
            return reply


def _answer(ask: Ask, payload: Mapping[str, Any]) -> Answer:
    errors = payload["userErrors"]
    if errors:
        assert len(errors) == 1, payload
        assert not payload["entry"], payload
        assert not payload["allocations"], payload
        return Answer(code=errors[0]["code"])
    assert payload["customer"]["id"] == ask.account.name, payload
    makes_entry = ask.amount is not None
    return Answer(
        code=None,
        entry=payload["entry"]["id"],
        amount=Decimal(payload["entry"]["amount"]) if makes_entry else None,
        allocations=tuple(
            Allocated(
                each["id"], each["credit"]["id"], each["debit"]["id"], Decimal(each["amount"])
            )
            for each in payload["allocations"]
        ),
        replayed=payload["replayed"],
    )


@cache
def document(mutation: str) -> str:
    type_name = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation($input: {type_name}!) {{ {mutation}(input: $input) {{ {_SELECTION} }} }}"
