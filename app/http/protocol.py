"""HTTP/1.1 as uvicorn speaks it, with bounds on what strangers may keep, and fewer writes.

uvicorn bounds neither address nor headers, which are kept before anybody knows who is asking, nor
how long a request takes to arrive, nor the number of connections (`connections.py`).

It writes the head of an answer and its body apart, and uvloop hands each to the kernel at once. For
answers as small as most are here, the second call costs a tenth of the request: small answers are
written in one.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.http import statuses
from app.http.answers import answer_of, raw_answer, send_json
from app.http.connections import Connections, Phase
from app.http.edge import Edge
from app.http.media_types import LEGACY
from app.http.refusals import CLOSE, Refused, refusal, unavailable

MAX_HEAD_BYTES = 64 * 1024
"""Of the address and the headers of one request, and of trailers after its body."""

PORTION_BYTES = 16 * 1024
"""That the parser is given at once: so much of a header may it keep that nobody has counted."""

HELD_BYTES = 64 * 1024

_HEADER_PUNCTUATION = len(b": \r\n")


class HeadTooLarge(Exception):
    """Stops the parser, which hands it to nobody: it tells uvicorn only that it has stopped."""


def speaking(connections: Connections) -> type[asyncio.Protocol]:
    """For uvicorn's `http` option: every connection is in this register."""
    return cast("type[asyncio.Protocol]", partial(HttpProtocol, connections))


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _phase = Phase.IDLE
    _is_anew = False
    """Whether a request has begun since the register was told."""

    _unread_bytes: float = float("inf")
    """Written and not yet fetched, when a deadline last passed."""

    _head_bytes = 0
    """Of the request at hand: what the parser has told of it."""

    _untold_bytes = 0
    """Received since the parser last told anything: at least so much of a header it still reads."""

    _is_head = False
    _is_refused = False

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._register = connections

    def connection_made(  # type: ignore[override] # as uvicorn's own declares it
        self, transport: asyncio.Transport
    ) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _OneWrite(transport, self.loop))
        self._register.add(self, self.loop)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._register.remove(self)
        super().connection_lost(exc)

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
                self._refuse(_TOO_LARGE)
        self._tell()

    def pause_writing(self) -> None:
        """More was written than the client has fetched."""
        super().pause_writing()
        self._tell()

    def resume_writing(self) -> None:
        """It has fetched most of it."""
        super().resume_writing()
        self._tell()

    def send_400_response(self, msg: str) -> None:
        """The parser has stopped: at what is no HTTP, or at what is too large."""
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_head = self._is_anew = True
        self._phase = Phase.HEAD
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
        self._phase = Phase.BODY
        self._untold_bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of its body."""
        self._untold_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """It has ended; it may be answered already."""
        self._untold_bytes = 0
        super().on_message_complete()
        self._phase = Phase.IDLE if self.cycle.response_complete else Phase.ANSWER

    def on_response_complete(self) -> None:
        """An answer has been written: of the last request, or of one before it."""
        super().on_response_complete()
        if self._phase is Phase.ANSWER and self.cycle.response_complete:
            self._phase = Phase.IDLE
            self._tell()

    def expire(self, phase: Phase) -> bool:
        """What it waited for has not come in time. False: it has to wait on."""
        unread = self.transport.get_write_buffer_size()
        if 0 < unread < self._unread_bytes:
            self._unread_bytes = unread
            return False
        if unread or phase is Phase.CLOSED:
            self.transport.abort()
            return True
        match phase:
            case Phase.HEAD if self.cycle is None or self.cycle.response_complete:
                self._refuse(_TOO_SLOW)
            case Phase.BODY if not self.pipeline and self._may_be_told():
                self.cycle.disconnected = True
                self.cycle.message_event.set()
                self._end(raw_answer(answer_of(_too_slow(), LEGACY)))
            case Phase.HEAD | Phase.BODY:
                return False  # an earlier request is being answered
            case _:
                self.transport.close()
        return True

    def _tell(self) -> None:
        """Whatever a client sends, what it has not fetched comes first."""
        phase, is_anew = self._phase, self._is_anew
        if self.flow.write_paused:
            phase, is_anew = Phase.UNREAD, False
        self._register.move(self, phase, self.loop, is_anew=is_anew)
        self._is_anew = False

    def make_room(self) -> None:
        """Somebody else needs the place."""
        self._is_refused = True
        self.transport.close()

    def turn_away(self) -> None:
        """There is no place."""
        self._end(raw_answer(answer_of(unavailable(), LEGACY)))

    def _may_be_told(self) -> bool:
        """Whether no part of an answer is out, or all of it."""
        return not self.cycle.response_started or self.cycle.response_complete

    def _end(self, answer: bytes) -> None:
        self._is_refused = True
        if self.cycle is None or not self.cycle.response_complete:
            self.transport.write(answer)
        self.transport.close()

    def _count(self, size: int) -> None:
        self._head_bytes += size
        self._untold_bytes = 0
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge

    def _refuse(self, app: Any) -> None:
        """Answer, after the requests before this one, and close; within a body only close.

        Who is still sending may see the connection end before the answer.
        """
        self._is_refused = True
        if not self._is_head:
            self.transport.close()
            return
        self.app = app
        self.url = b"/"
        self.headers.clear()
        super().on_headers_complete()


def _refusing(refused: Callable[[], Refused]) -> Any:
    async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send_json(send, answer_of(refused(), LEGACY))

    return Edge(refuse, routes=frozenset())


def _too_large() -> Refused:
    message = f"Address and headers of a request have at most {MAX_HEAD_BYTES} bytes."
    return refusal(statuses.HEAD_TOO_LARGE, message, headers=CLOSE)


def _too_slow() -> Refused:
    return refusal(statuses.TOO_SLOW, "This request took too long to arrive.", headers=CLOSE)


_TOO_LARGE = _refusing(_too_large)
_TOO_SLOW = _refusing(_too_slow)


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

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has yet to fetch."""
        return self._size + self._transport.get_write_buffer_size()

    def _write_held(self) -> None:
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(data)
