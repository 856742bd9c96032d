"""A dedicated connection that listens for one NOTIFY channel, and comes back when it is lost."""

import asyncio
from types import TracebackType
from typing import Any, Self, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from app.infra.database import Database

Connection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class Listener:
    """Notifications only shorten a wait: whoever waits must also look by itself now and then."""

    def __init__(self, database: Database, channel: str) -> None:
        self._database = database
        self._channel = channel
        self._connection: Connection | None = None
        self._woken = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.remove_termination_listener(self._lose)
            await connection.remove_listener(self._channel, self._wake)
            await self._database.write_pool.release(connection)

    async def ensure(self) -> None:
        """Listen, on a new connection if the last one is gone. Raises what connecting raises."""
        if self._connection is not None:
            return
        connection = await self._database.write_pool.acquire()
        try:
            await connection.add_listener(self._channel, self._wake)
        except BaseException:
            await self._database.write_pool.release(connection)
            raise
        connection.add_termination_listener(self._lose)
        self._connection = connection

    async def wait(self, seconds: float, stopping: asyncio.Event) -> None:
        """Return when notified, when `stopping` is set, or after `seconds`."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._woken, stopping)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        self._woken.clear()

    def _wake(self, *_: Any) -> None:
        self._woken.set()

    def _lose(self, *_: Any) -> None:
        # The pool takes a lost connection back by itself.
        self._connection = None
        self._woken.set()
