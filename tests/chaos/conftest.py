"""Sixteen clients of several people and roles, five customers, and a server of its own per test."""

import os
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.domain.currency import MINOR_UNIT_DIGITS
from app.infra.database import Database
from app.policies.roles import Role
from tests.chaos.acting import MUTATIONS, Actor
from tests.chaos.asking import Account, Person, Told
from tests.chaos.reckoning import reckon
from tests.conftest import administer, url_of
from tests.factories import make_customer, make_user, open_books
from tests.serving import Client, Server, new_http, serving

CURRENCIES = ("USD", "EUR", "USD", "JPY", "KWD")
EVERYBODY = ((Role.ACCOUNTANT, 3, 2), (Role.INTEGRATOR, 2, 3))
REPRESENTATIVES = ((0, 1), (2, 3))
"""Which of the customers each of the two sales reps has."""

CLIENTS = 16


@dataclass
class Load:
    """A server under load, and what is known of it."""

    server: Server
    actors: list[Actor]
    accounts: list[Account]
    told: Told
    random: Random
    database_url: str

    async def reckon(self) -> None:
        """Stop the server in order, then compare everything."""
        await self.server.stop()
        owner = await asyncpg.connect(self.database_url)
        try:
            await reckon(owner, self.told, self.accounts)
            deadlocks = await owner.fetchval(
                "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            )
        finally:
            await owner.close()
        assert deadlocks == 0
        assert "internal error" not in self.server.log

    def report(self, **more: int) -> str:
        """What was done, for whoever reads the output."""
        counts = dict(sorted((self.told.counts | more).items()))
        return f"acknowledged {len(self.told.answers)} keys; {counts}"


@pytest.fixture
async def load(
    servers: dict[str, str], redis_url: str, request: pytest.FixtureRequest
) -> AsyncIterator[Load]:
    """Everything in place, nothing sent yet. CHAOS_SEED: the clients choose the same again."""
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbits(32))
    say(f"CHAOS_SEED={seed}")
    async with (
        _cloned(servers, f"chaos_{os.getpid()}_{request.node.name[:30]}") as database_url,
        serving(database_url, redis_url, settings={"DATABASE_POOL_SIZE": "20"}) as server,
        new_http(server) as http,
    ):
        database = Database(database_url, pool_size=2)
        await database.open()
        try:
            accounts, people = await _cast(database, server, http)
        finally:
            await database.close()
        told = Told()
        actors = [
            Actor(person, told, _chooser(seed, str(number))) for number, person in enumerate(people)
        ]
        yield Load(server, actors, accounts, told, _chooser(seed, "disturbance"), database_url)


def say(text: str) -> None:
    """For whoever runs it with `-s`, or reads why it failed."""
    sys.stdout.write(f"{text}\n")


def _chooser(seed: int, name: str) -> Random:
    return Random(f"{seed} {name}")  # noqa: S311 - it chooses what to do and keeps no secret


@asynccontextmanager
async def _cloned(servers: dict[str, str], name: str) -> AsyncIterator[str]:
    server = servers["database_url"]
    await administer(server, f"CREATE DATABASE {name} TEMPLATE {servers['template']}")
    yield url_of(server, name)
    await administer(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _cast(
    database: Database, server: Server, http: httpx.AsyncClient
) -> tuple[list[Account], list[Person]]:
    # Allocations are dated by the server's today.
    await open_books(database, years={2026, datetime.now(UTC).year})
    reps = [await make_user(database, Role.SALES_REP) for _ in REPRESENTATIVES]
    owners = {index: reps[n] for n, owned in enumerate(REPRESENTATIVES) for index in owned}
    accounts = [
        Account(
            await make_customer(database, currency=currency, assigned_to=owners.get(index)),
            currency,
            MINOR_UNIT_DIGITS[currency],
        )
        for index, currency in enumerate(CURRENCIES)
    ]

    def person(user_id: UUID, mutations: tuple[str, ...], customers: Any) -> Person:
        client = Client(http, server.token(user_id))
        return Person(user_id, client, mutations, tuple(customers))

    people = []
    for role, users, clients_each in EVERYBODY:
        for _ in range(users):
            user_id = await make_user(database, role)
            people += [person(user_id, MUTATIONS, accounts)] * clients_each
    for rep, owned in zip(reps, REPRESENTATIVES, strict=True):
        own = [accounts[index] for index in owned]
        people += [person(rep, ("recordPayment",), own)] * 2
    assert len(people) == CLIENTS
    return accounts, people
