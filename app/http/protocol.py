"""HTTP/1.1 as uvicorn speaks it, with a bound on the head of a request, and fewer writes.

uvicorn bounds neither address nor headers, which are kept before anybody knows who is asking.

It writes the head of an answer and its body apart, and uvloop hands each to the kernel at once. For
answers as small as most are here, the second call costs a tenth of the request: small answers are
written in one.
"""

import asyncio
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.http import statuses
from app.http.answers import answer_of, send_json
from app.http.edge import Edge
from app.http.media_types import LEGACY
from app.http.refusals import CLOSE, refusal

MAX_HEAD_BYTES = 64 * 1024
"""Of the address and the headers of one request, and of trailers after its body."""

PORTION_BYTES = 16 * 1024
"""That the parser is given at once: so much of a header may it keep that nobody has counted."""

HELD_BYTES = 64 * 1024

_HEADER_PUNCTUATION = len(b": \r\n")


class HeadTooLarge(Exception):
    """Stops the parser, which hands it to nobody: it tells uvicorn only that it has stopped."""


class HttpProtocol(HttpToolsProtocol):
    """For uvicorn's `http` option."""

    _head_bytes = 0
    """Of the request at hand: what the parser has told of it."""

    _untold_bytes = 0
    """Received since the parser last told anything: at least so much of a header it still reads."""

    _is_head = False
    _is_refused = False

    def connection_made(  # type: ignore[override] # as uvicorn's own declares it
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _OneWrite(transport, self.loop))

    def data_received(self, data: bytes) -> None:
        """Some bytes have come. After a refusal nothing is read any more.

        Of what is received at once the parser may tell a part, and keep a header that has no end
        yet: only by small portions can that be counted.
        """
        for start in range(0, len(data), PORTION_BYTES):
            if self._is_refused or self.transport.is_closing():
                return
            portion = data[start : start + PORTION_BYTES]
            self._untold_bytes += len(portion)
            super().data_received(portion)
            if self._head_bytes + self._untold_bytes > MAX_HEAD_BYTES and not self._is_refused:
                self._refuse()

    def send_400_response(self, msg: str) -> None:
        """The parser has stopped: at what is no HTTP, or at what is too large."""
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse()
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_head = True
        self._head_bytes = self._untold_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of its address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of its headers, or one more after the body: nothing here looks at those."""
        self._count(len(name) + len(value) + _HEADER_PUNCTUATION)
        if self._is_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """All of its headers are there."""
        self._is_head = False
        self._untold_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._untold_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It has ended."""
        self._untold_bytes = 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        self._untold_bytes = 0
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge

    def _refuse(self) -> None:
        """Answer, after the requests before this one, and close; within a body only close.

        Who is still sending may see the connection end before the answer.
        """
        self._is_refused = True
        if not self._is_head:
            self.transport.close()
            return
        self.app = _TOO_LARGE
        self.url = b"/"
        self.headers.clear()
        super().on_headers_complete()


async def _too_large(_scope: Scope, _receive: Receive, send: Send) -> None:
    message = f"Address and headers of a request have at most {MAX_HEAD_BYTES} bytes."
    refused = refusal(statuses.HEAD_TOO_LARGE, message, headers=CLOSE)
    await send_json(send, answer_of(refused, LEGACY))


_TOO_LARGE: Any = Edge(_too_large, routes=frozenset())


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
