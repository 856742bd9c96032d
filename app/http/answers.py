"""What is sent back."""

from dataclasses import dataclass
from http import HTTPStatus

import orjson
from starlette.types import Send

from app.http.compression import ENCODED, compressed
from app.http.media_types import LEGACY
from app.http.refusals import Refused

Headers = tuple[tuple[bytes, bytes], ...]

# Answers are somebody's data: nothing between here and them may keep a copy or show it in a frame.
PRIVATE: Headers = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A status, a finished body and the headers that are its own."""

    status: int
    body: bytes
    headers: Headers = ()


def answer_of(refused: Refused, media_type: bytes) -> HttpAnswer:
    """The answer to a refused request."""
    fault = refused.fault
    status = fault.legacy_status if media_type == LEGACY else fault.status
    return HttpAnswer(status, orjson.dumps({"errors": refused.errors}), refused.headers)


async def encoded(answer: HttpAnswer, accept_encoding: bytes | None) -> HttpAnswer:
    """The answer, compressed if that was asked for and it is long enough."""
    body = await compressed(answer.body, accept_encoding)
    if body is None:
        return answer
    return HttpAnswer(answer.status, body, (*answer.headers, *ENCODED))


def raw_answer(answer: HttpAnswer) -> bytes:
    """A whole JSON answer in HTTP/1.1, for a client whose request reached no application."""
    headers = [
        (b"content-type", LEGACY + b"; charset=utf-8"),
        (b"content-length", b"%d" % len(answer.body)),
        *PRIVATE,
        *(each for each in answer.headers if each[0] != b"connection"),
        (b"connection", b"close"),
    ]
    reason = HTTPStatus(answer.status).phrase.encode()
    lines = [b"HTTP/1.1 %d %b" % (answer.status, reason)]
    lines += [b"%b: %b" % header for header in headers]
    return b"\r\n".join((*lines, b"", answer.body))


async def send_json(send: Send, answer: HttpAnswer, media_type: bytes = LEGACY) -> None:
    """Send a JSON answer that no cache keeps."""
    headers = [
        (b"content-type", media_type + b"; charset=utf-8"),
        (b"content-length", b"%d" % len(answer.body)),
        *PRIVATE,
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
