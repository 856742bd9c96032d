"""Reading a request body, up to a limit."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from app.http import statuses
from app.http.refusals import CLOSE, Refused, refusal


async def read_body(receive: Receive, announced: bytes | None, limit_bytes: int) -> bytes:
    """The whole body. Raises Refused (413) as soon as it is too large, and ClientDisconnect."""
    if announced is not None and announced.isdigit() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientDisconnect
    first: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(first) > limit_bytes:
            raise _too_large(limit_bytes)
        return first
    return await _read_on(receive, first, limit_bytes)


async def _read_on(receive: Receive, first: bytes, limit_bytes: int) -> bytes:
    chunks = [first]
    size = len(first)
    while True:
        if size > limit_bytes:
            raise _too_large(limit_bytes)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            break
    if size > limit_bytes:
        raise _too_large(limit_bytes)
    return b"".join(chunks)


def _too_large(limit_bytes: int) -> Refused:
    return refusal(statuses.TOO_LARGE, f"A request has at most {limit_bytes} bytes.", headers=CLOSE)
