"""Whether the process lives (`/healthz`) and what it can do of its work (`/readyz`).

Ready is who can answer requests. What else is missing is told, and counted: a balancer that took
every server out because Redis is away would stop postings, which go on without it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast
from uuid import UUID

import asyncpg
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import Response

from app.http.answers import PRIVATE
from app.infra import migrate
from app.infra.admission import Overloaded
from app.infra.database import Database, Interrupted, Statement
from app.infra.metrics import observe_need
from app.policies.rules import InvalidRule
from app.services.auth.viewers import Viewers

CHECK_SECONDS = 3.0
FINE = "ok"
NEEDED = ("database", "migrations", "policy")
"""Without one of these no request can be answered."""

_NOBODY = UUID(int=0)
_AWAY = "does not answer"
_TAKES_NONE = "takes no writes"
_READY_KEY = "customer-flow:ready"
_KEPT_SECONDS = 60

# Written to PostgreSQL's log of changes and flushed with the commit; no table holds it.
_WRITE = Statement(
    text("""
    SELECT current_setting('transaction_read_only') = 'on' AS is_read_only,
        CASE WHEN current_setting('transaction_read_only') = 'off' THEN
            CAST(pg_logical_emit_message(true, 'customer-flow', 'ready') AS text) END
    """)
)


@dataclass(frozen=True, kw_only=True)
class Health:
    """What this process needs. Every check is bounded in time, and tries what it tells of.

    `database` and `viewers` have connections that no request uses: a probe waits for nobody.
    """

    database: Database
    redis: Redis
    viewers: Viewers
    is_open: Callable[[], bool]

    async def alive(self, _request: Request) -> Response:
        """The event loop turns."""
        return _json(200, {"status": FINE})

    async def ready(self, _request: Request) -> Response:
        """200 when requests can be answered, else 503; either way how each need stands."""
        found = await self.look()
        missing = [name for name, state in found.items() if state != FINE and name in NEEDED]
        degraded = [name for name, state in found.items() if state != FINE and name not in NEEDED]
        body: dict[str, object] = {**found, "missing": missing, "degraded": degraded}
        return _json(503 if missing else 200, body)

    async def look(self) -> dict[str, str]:
        """Each need with its state, which is counted for the metrics, too."""
        needs = {
            "database": self._reachable,
            "migrations": self._migrated,
            "policy": self._policy_loaded,
            "writes": self._takes_writes,
            "redis": self._redis_answers,
        }
        states = await asyncio.gather(*(_checked(need) for need in needs.values()))
        found = dict(zip(needs, states, strict=True))
        for name, state in found.items():
            observe_need(name, is_fine=state == FINE)
        return found

    async def observe(self) -> None:
        """Look, for the metrics only."""
        await self.look()

    async def _reachable(self) -> str:
        if not self.is_open():
            return _AWAY
        await self.database.read_pool.fetchval("SELECT 1")
        return FINE

    async def _takes_writes(self) -> str:
        if not self.is_open():
            return "unknown"
        try:
            async with self.database.transaction() as tx:
                row = await tx.fetchrow(_WRITE)
        except asyncpg.PostgresError as error:
            return f"{_TAKES_NONE}: {error.sqlstate}"
        assert row is not None
        return f"{_TAKES_NONE}: it is read only" if row["is_read_only"] else FINE

    async def _migrated(self) -> str:
        if not self.is_open():
            return "unknown"
        async with self.database.read_pool.acquire() as connection:
            # The pool's proxy is a connection in all but its declared type.
            revision = await migrate.current(cast("asyncpg.Connection[asyncpg.Record]", connection))
        if revision == self._head:
            return FINE
        return f"at {revision or 'no revision'}, this program needs {self._head}"

    async def _policy_loaded(self) -> str:
        if not self.is_open():
            return "unknown"
        try:
            await self.viewers.refresh(_NOBODY)
        except InvalidRule:
            return "holds a rule that means nothing"
        return FINE

    async def _redis_answers(self) -> str:
        try:
            await self.redis.set(_READY_KEY, "1", ex=_KEPT_SECONDS)
        except ResponseError:
            return _TAKES_NONE  # a full disk, or too little memory
        return FINE

    @cached_property
    def _head(self) -> str:
        return migrate.head()


_FAILURES = (
    OSError,  # a TimeoutError is one, too
    RedisError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    Interrupted,
    Overloaded,
)


async def _checked(need: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await need()
    except _FAILURES:
        return _AWAY


def _json(status: int, content: dict[str, object]) -> Response:
    headers = {name.decode(): value.decode() for name, value in PRIVATE}
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
