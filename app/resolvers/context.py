"""What a resolver gets: the request's actor, its document, and the wired program."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql.execution.values import VariableValues

from app.domain.errors import DomainError
from app.infra.database import Database
from app.planner.catalogue import Catalogue
from app.planner.documents import Document, Operation
from app.planner.plans import Plans
from app.policies.actor import Actor
from app.services.auth.login import LocalLogIn
from app.services.auth.passwords import Passwords
from app.services.auth.viewers import Viewers

ActorNow = Callable[[], Awaitable[Actor]]
"""Reads the actor anew; raises when their token no longer stands for anybody."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a composition root wires once."""

    database: Database
    catalogue: Catalogue
    plans: Plans
    viewers: Viewers
    passwords: Passwords
    local_login: LocalLogIn | None


@dataclass(kw_only=True)
class Refusals:
    """Mutations of one request that were refused alike: the first of them, and how many."""

    actor: Actor
    action: str
    error: DomainError
    count: int = 0


@dataclass(kw_only=True)
class Context:
    """One request. `actor` is replaced when it turns out to be stale, and None before log-in.

    `refusals` is what its mutations were refused for, by action and code, for the trail.
    """

    program: Program
    request_id: str
    address: str | None
    document: Document
    operation: Operation
    variables: VariableValues
    actor: Actor | None
    actor_now: ActorNow
    withheld: dict[str, None] = field(default_factory=dict)
    masked: dict[str, None] = field(default_factory=dict)
    refusals: dict[tuple[str, str], Refusals] = field(default_factory=dict)

    def signed_in(self) -> Actor:
        """The actor; the edge let nobody else in."""
        if self.actor is None:
            raise RuntimeError("this field is not public, and nobody is signed in")
        return self.actor

    async def renew_if_stale(self) -> bool:
        """Read the actor anew if they or the policy have changed; says whether they had.

        For what no stamped statement answers: refusals, and fields made of the grant itself.
        """
        if await self.program.viewers.is_current(self.signed_in()):
            return False
        self.actor = await self.actor_now()
        return True

    def bindings(self, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The parameters that every plan may use, and those of one mutation's payload."""
        actor = self.signed_in()
        return {
            "viewer_id": actor.user_id,
            "viewer_customer_id": actor.customer_id,
            **(extra or {}),
        }
