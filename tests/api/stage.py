"""People of every role around a server, and customers that are near to them or far."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from app.domain import global_id
from app.infra.database import Database, Statement
from app.policies.compile import compile_grant
from app.policies.grant import Grant
from app.policies.policy import shipped_policy
from app.policies.roles import Role
from app.policies.scopes import Scope
from tests.factories import Books, actor_of, make_customer, make_team, make_user, open_books
from tests.serving import Client, Server

TODAY = datetime.now(UTC).date()
NEAR_FACTS: dict[Role, frozenset[Scope]] = {
    Role.SALES_REP: frozenset({Scope.OWN, Scope.TEAM}),
    Role.SALES_MANAGER: frozenset({Scope.TEAM}),
    Role.CUSTOMER: frozenset({Scope.SELF}),
}
"""What is true for the person of each role of a customer that is near; of a far one, nothing."""

_SET_MANAGER = Statement(
    text("UPDATE teams SET manager_id = CAST(:user AS uuid) WHERE id = CAST(:team AS uuid)")
)


@dataclass(frozen=True)
class Person:
    """A user who sends requests."""

    user_id: UUID
    role: Role
    client: Client

    @property
    def grant(self) -> Grant:
        return compile_grant(shipped_policy(), user_id=self.user_id, roles=(self.role,))

    @property
    def name(self) -> str:
        return global_id.encode("User", self.user_id)


@dataclass(frozen=True)
class Stage:
    """A server with an open year, a person of every role, and their sales teams.

    `near` customers belong to the rep of the manager's team; `far` ones to a rep of another team.
    """

    database: Database
    server: Server
    http: httpx.AsyncClient
    books: Books
    people: Mapping[Role, Person]
    colleague: UUID
    stranger: UUID

    def client(self, user_id: UUID, access_version: int = 1) -> Client:
        return Client(self.http, self.server.token(user_id, access_version))

    async def customer(self, *, near: bool, **columns: Any) -> UUID:
        owner = self.people[Role.SALES_REP].user_id if near else self.stranger
        return await make_customer(self.database, assigned_to=owner, **columns)

    async def person(self, role: Role, customer_id: UUID) -> Person:
        """The person of a role; of the portal, a new one who belongs to this customer."""
        if role is not Role.CUSTOMER:
            return self.people[role]
        user_id = await make_user(self.database, role, customer=customer_id)
        return Person(user_id, role, self.client(user_id))

    def books_of(self, person: Person) -> Books:
        """Books that this person posts in."""
        return Books(self.database, actor_of(person.user_id, person.role))

    async def next_year(self) -> date:
        """What the calendar ends before."""
        day: date = await self.database.write_pool.fetchval(
            "SELECT max(upper(during)) FROM accounting_periods"
        )
        return day


async def make_stage(database: Database, server: Server, http: httpx.AsyncClient) -> Stage:
    """Years open: 2026, which the factories post in, and the server's own."""
    books = await open_books(database, years={2026, TODAY.year})
    team, other_team = await make_team(database), await make_team(database)
    people: dict[Role, Person] = {}
    for role in Role:
        if role is not Role.CUSTOMER:
            user_id = await make_user(database, role, team=team if role is Role.SALES_REP else None)
            people[role] = Person(user_id, role, Client(http, server.token(user_id)))
    async with database.transaction() as tx:
        await tx.execute(_SET_MANAGER, user=people[Role.SALES_MANAGER].user_id, team=team)
    return Stage(
        database=database,
        server=server,
        http=http,
        books=books,
        people=people,
        colleague=await make_user(database, Role.SALES_REP, team=team),
        stranger=await make_user(database, Role.SALES_REP, team=other_team),
    )


def customer_name(customer_id: UUID) -> str:
    return global_id.encode("Customer", customer_id)


def entry_name(customer_id: UUID, entry_id: UUID) -> str:
    return global_id.encode("LedgerEntry", entry_id, customer_id)


def allocation_name(customer_id: UUID, allocation_id: UUID) -> str:
    return global_id.encode("Allocation", allocation_id, customer_id)


def unused_code() -> str:
    return f"N-{uuid4().hex[:12]}"
