"""A connection in between that delays, goes silent, or is cut at a chosen moment."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit, urlunsplit

CHUNK = 65_536


@dataclass
class Proxy:
    """What passes between clients and a server. While `is_silent`, nothing does; nobody is told."""

    url: str
    is_silent: bool = False
    delay_seconds: float = 0.0
    cut_at: bytes | None = None
    """Both ends are cut when the client has sent this, before any answer comes back."""

    connections: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        other: asyncio.StreamWriter,
        *,
        is_client: bool,
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                while self.is_silent:  # noqa: ASYNC110 - a test sets a plain field
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
                if is_client and self.cut_at is not None and self.cut_at in data:
                    self.cut_at = None
                    other.transport.abort()
                    await asyncio.sleep(0.2)  # the server carries out what it was sent
                    break
        writer.close()

    async def close(self) -> None:
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def proxied(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server that a URL names, on a port of its own."""
    parts = urlsplit(database_url)
    given = parse_qs(parts.query)
    proxy = Proxy(url="")
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        if "host" in given:  # a folder, where the server's socket is
            path = f"{given['host'][0]}/.s.PGSQL.{given.get('port', ['5432'])[0]}"
            there, back = await asyncio.open_unix_connection(path)
        else:
            there, back = await asyncio.open_connection(parts.hostname, parts.port)
        proxy._open |= {writer, back}
        tasks.add(asyncio.create_task(proxy.pump(reader, back, writer, is_client=True)))
        tasks.add(asyncio.create_task(proxy.pump(there, writer, back, is_client=False)))

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    user = parts.netloc.rpartition("@")[0]
    netloc = f"{user}@127.0.0.1:{port}" if user else f"127.0.0.1:{port}"
    proxy.url = urlunsplit(parts._replace(netloc=netloc, query="sslmode=disable"))
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
