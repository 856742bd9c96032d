"""A connection to PostgreSQL that is given up when nothing comes back.

The other end may be gone without a word, or a proxy between may have stopped: a command then waits
for good, and so does whatever undoes it. The driver's own time limit asks PostgreSQL to cancel and
waits for that answer; here the connection is cut instead, and its place is free.
"""

# ruff: noqa: ASYNC109 - the driver's own parameter

import asyncio
import socket
from collections.abc import Awaitable
from typing import Any, TypeVar

import asyncpg

from app.infra.patience import CHECK_SECONDS, UNUSED_SECONDS

KEEPALIVE_SECONDS = 10
KEEPALIVE_INTERVAL_SECONDS = 5
KEEPALIVE_PROBES = 3
UNACKNOWLEDGED_MS = 15_000

T = TypeVar("T")


class ConnectionLost(ConnectionError):
    """The connection ended in a transaction, which may have been committed if it was at its end."""


class Connection(asyncpg.Connection):
    """Every command has an answer within `silence_seconds`, or the connection ends."""

    silence_seconds: float = 60.0
    used_at: float = 0.0

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        """As the driver's. Raises ConnectionLost."""
        return await self._answered(super().execute(query, *args), timeout)

    async def executemany(self, command: str, args: Any, *, timeout: float | None = None) -> None:
        """As the driver's. Raises ConnectionLost."""
        await self._answered(super().executemany(command, args), timeout)

    async def fetch(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,
        record_class: Any = None,
    ) -> Any:
        """As the driver's. Raises ConnectionLost."""
        answer = super().fetch(query, *args, record_class=record_class)
        return await self._answered(answer, timeout)

    async def fetchrow(
        self,
        query: str,
        *args: Any,
        timeout: float | None = None,
        record_class: Any = None,
    ) -> Any:
        """As the driver's. Raises ConnectionLost."""
        answer = super().fetchrow(query, *args, record_class=record_class)
        return await self._answered(answer, timeout)

    async def fetchval(
        self, query: str, *args: Any, column: int = 0, timeout: float | None = None
    ) -> Any:
        """As the driver's. Raises ConnectionLost."""
        return await self._answered(super().fetchval(query, *args, column=column), timeout)

    async def _answered(self, answer: Awaitable[T], seconds: float | None) -> T:
        try:
            async with asyncio.timeout(seconds or self.silence_seconds):
                answered = await answer
        except TimeoutError:
            self.terminate()
            raise ConnectionLost from None
        self.used_at = asyncio.get_running_loop().time()
        return answered


async def is_there(connection: Any) -> bool:
    """Whether a connection answers. One that was used just now is believed to."""
    loop = asyncio.get_running_loop()
    if loop.time() - connection.used_at < UNUSED_SECONDS:
        return True
    try:
        await connection.fetchval("SELECT 1", timeout=CHECK_SECONDS)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return False
    return True


async def keep_alive(connection: Any) -> None:
    """Have the operating system notice when the other machine is gone. For a pool's `init`."""
    transport = connection._transport  # noqa: SLF001 - the driver hands its socket to nobody
    link = transport.get_extra_info("socket")
    if link is None or link.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        (socket.TCP_KEEPIDLE, KEEPALIVE_SECONDS),
        (socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS),
        (socket.TCP_KEEPCNT, KEEPALIVE_PROBES),
        (socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS),
    ):
        link.setsockopt(socket.IPPROTO_TCP, option, value)
