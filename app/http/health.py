"""Whether the process lives (`/healthz`) and whether it can do its work (`/readyz`)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast
from uuid import UUID

import asyncpg
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from app.http.answers import PRIVATE
from app.infra import migrate
from app.infra.database import Database
from app.policies.rules import InvalidRule
from app.services.auth.viewers import Viewers

CHECK_SECONDS = 3.0
FINE = "ok"

_NOBODY = UUID(int=0)
_AWAY = "does not answer"


@dataclass(frozen=True, kw_only=True)
class Health:
    """What this process needs. Every check is bounded in time."""

    database: Database
    redis: Redis
    viewers: Viewers
    is_open: Callable[[], bool]

    async def alive(self, _request: Request) -> Response:
        """The event loop turns."""
        return _json(200, {"status": FINE})

    async def ready(self, _request: Request) -> Response:
        """200 when requests can be answered, else 503; either way how each need stands."""
        names = ("database", "migrations", "policy", "redis")
        needs = (self._reachable, self._migrated, self._policy_loaded, self._redis_answers)
        states = await asyncio.gather(*(_checked(need) for need in needs))
        found = dict(zip(names, states, strict=True))
        missing = [name for name, state in found.items() if state != FINE]
        return _json(503 if missing else 200, {**found, "missing": missing})

    async def _reachable(self) -> str:
        if not self.is_open():
            return _AWAY
        await self.database.write_pool.fetchval("SELECT 1")
        await self.database.read_pool.fetchval("SELECT 1")
        return FINE

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
        await self.redis.ping()
        return FINE

    @cached_property
    def _head(self) -> str:
        return migrate.head()


async def _checked(need: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await need()
    except (OSError, RedisError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return _AWAY  # a TimeoutError is an OSError


def _json(status: int, content: dict[str, object]) -> Response:
    headers = {name.decode(): value.decode() for name, value in PRIVATE}
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
