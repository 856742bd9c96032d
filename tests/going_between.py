"""A way to PostgreSQL that can fail: it cuts a connection at a chosen command, or at its answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

CHUNK = 256 * 1024


@dataclass(kw_only=True)
class GoingBetween:
    """What passes is passed on, until what the client says holds one of these.

    `cut_before`: PostgreSQL never hears it. `cut_reply`: PostgreSQL does it and has answered, and
    the client never hears that. Both ends are cut then, and `cuts` counts it.
    """

    server_url: str
    cut_before: bytes | None = None
    cut_reply: bytes | None = None
    cuts: int = 0
    _port: int = 0
    _running: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The same database, by this way."""
        parts = urlsplit(self.server_url)
        user = parts.netloc.rpartition("@")[0]
        return f"postgresql://{user and user + '@'}127.0.0.1:{self._port}{parts.path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        from_server, to_server = await self._connect()
        awaits_reply = asyncio.Event()
        try:
            # Whichever end is first: the other one ends with it.
            await asyncio.wait(
                {
                    asyncio.ensure_future(self._ask(reader, to_server, awaits_reply)),
                    asyncio.ensure_future(self._answer(from_server, writer, awaits_reply)),
                },
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            to_server.transport.abort()
            writer.transport.abort()
            self._running.discard(task)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, awaits: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK):
            if self.cut_before is not None and self.cut_before in data:
                self.cuts += 1
                return
            if self.cut_reply is not None and self.cut_reply in data:
                awaits.set()
            writer.write(data)
            await writer.drain()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, awaits: asyncio.Event
    ) -> None:
        while data := await reader.read(CHUNK):
            if awaits.is_set():
                self.cuts += 1
                return
            writer.write(data)
            await writer.drain()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.server_url)
        asked = parse_qs(parts.query)
        host = asked.get("host", [unquote(parts.hostname or "localhost")])[0]
        port = int(asked.get("port", [str(parts.port or 5432)])[0])
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)


@asynccontextmanager
async def going_between(server_url: str) -> AsyncIterator[GoingBetween]:
    """Listening for the length of the block."""
    between = GoingBetween(server_url=server_url)
    server = await asyncio.start_server(between._serve, "127.0.0.1", 0)
    between._port = server.sockets[0].getsockname()[1]
    try:
        yield between
    finally:
        server.close()
        for task in tuple(between._running):
            task.cancel()
