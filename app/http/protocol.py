"""HTTP/1.1 as uvicorn speaks it, with one write to the socket for the whole of a small answer.

uvicorn writes the head of an answer and its body apart, and uvloop hands each to the kernel at
once. For answers as small as most are here, the second call costs a tenth of the request.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HELD_BYTES = 64 * 1024


class OneWriteProtocol(HttpToolsProtocol):
    """For uvicorn's `http` option."""

    def connection_made(  # type: ignore[override] # as uvicorn's own declares it
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _OneWrite(transport, self.loop))


class _OneWrite:
    """A transport that holds what is written until the event loop turns, or there is much of it.

    All else it passes on. Nothing held is ever lost: closing writes it first.
    """

    __slots__ = ("_held", "_loop", "_size", "_transport")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self._size = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write in the order given, soon."""
        if not self._held:
            self._loop.call_soon(self._write_held)
        self._held.append(data)
        self._size += len(data)
        if self._size >= HELD_BYTES:
            self._write_held()

    def close(self) -> None:
        """Write what is held, then close."""
        self._write_held()
        self._transport.close()

    def _write_held(self) -> None:
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(data)
