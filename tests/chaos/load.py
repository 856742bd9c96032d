"""A server, sixteen clients of several people and roles, and five customers between them."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import asyncpg
import httpx

from app.domain.currency import MINOR_UNIT_DIGITS
from app.infra.database import Database
from app.policies.roles import Role
from tests.chaos.acting import MUTATIONS, Actor
from tests.chaos.asking import Account, Person, Told
from tests.chaos.reckoning import reckon
from tests.factories import make_customer, make_user, open_books
from tests.serving import Client, Server

CURRENCIES = ("USD", "EUR", "USD", "JPY", "KWD")
# Role, users of it, clients of each user: clients of one user share its keys.
STAFF = ((Role.ACCOUNTANT, 3, 2), (Role.INTEGRATOR, 2, 3))
REPRESENTATIVES = ((0, 1), (2, 3))
"""Which of the customers each of the two sales reps has. Each has two clients."""

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
        assert self.server.faults == []

    def report(self, **more: int) -> str:
        """What was done, for whoever reads the output."""
        counts = dict(sorted((self.told.counts | more).items()))
        return f"acknowledged {len(self.told.answers)} keys; {counts}"


async def make_load(
    database_url: str, server: Server, http: httpx.AsyncClient, *, seed: int
) -> Load:
    """Everything in place, nothing sent yet."""
    database = Database(database_url, pool_size=2)
    await database.open()
    try:
        accounts, people = await _cast(database, server, http)
    finally:
        await database.close()
    assert len(people) == CLIENTS
    told = Told()
    actors = [
        Actor(person, told, _chooser(seed, str(number))) for number, person in enumerate(people)
    ]
    return Load(server, actors, accounts, told, _chooser(seed, "disturbance"), database_url)


def say(text: str) -> None:
    """For whoever runs it with `-s`, or reads why it failed."""
    sys.stdout.write(f"{text}\n")


def _chooser(seed: int, name: str) -> Random:
    return Random(f"{seed} {name}")  # noqa: S311 - it chooses what to do and keeps no secret


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

    def person(user_id: UUID, mutations: tuple[str, ...], customers: Sequence[Account]) -> Person:
        client = Client(http, server.token(user_id))
        return Person(user_id, client, mutations, tuple(customers))

    people: list[Person] = []
    for role, users, clients_each in STAFF:
        for _ in range(users):
            user_id = await make_user(database, role)
            people += [person(user_id, MUTATIONS, accounts)] * clients_each
    for rep, owned in zip(reps, REPRESENTATIVES, strict=True):
        own = [accounts[index] for index in owned]
        people += [person(rep, ("recordPayment",), own)] * 2
    return accounts, people
