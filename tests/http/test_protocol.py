"""Answers over a real socket: whole, in order, however large, several on one connection."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest

from app.http.metrics import Metrics
from app.http.protocol import MAX_HEAD_BYTES, PORTION_BYTES
from app.http.scraping import listen, scraped
from tests.serving import Server, free_port, serving

MOST_SENT = 64 * 1024 * 1024


@pytest.fixture(scope="module")
async def server(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, redis_url, settings={"BODY_LIMIT_BYTES": "5000"}) as running:
        yield running


async def exchange(server: Server, sent: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    return await exchange_at(server.port, sent)


async def exchange_at(port: int, sent: bytes) -> bytes:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        received = await reader.read()
        writer.close()
        return received


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join((f"GET {path} HTTP/1.1", "host: x", *headers, "", "")).encode()


async def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    ids = [f"number-{n}" for n in range(20)]
    requests = [get("/healthz", f"x-request-id: {each}") for each in ids[:-1]]
    requests.append(get("/healthz", f"x-request-id: {ids[-1]}", "connection: close"))

    received = await exchange(server, b"".join(requests))

    assert received.count(b"HTTP/1.1 200 OK") == received.count(b'{"status":"ok"}') == len(ids)
    places = [received.index(f"x-request-id: {each}\r\n".encode()) for each in ids]
    assert places == sorted(places)


async def test_a_large_answer_arrives_whole(server: Server) -> None:
    page = await exchange(server, get("/", "connection: close"))
    start = page.index(b"/ide/graphiql.min.")
    path = page[start : page.index(b'"', start)].decode()

    head, _, body = (await exchange(server, get(path, "connection: close"))).partition(b"\r\n\r\n")

    assert f"content-length: {len(body)}".encode() in head
    assert len(body) > 100_000


async def test_an_answer_before_the_end_of_the_body_arrives_whole(server: Server) -> None:
    head = (
        "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        "content-length: 5001\r\nconnection: close\r\n\r\n"
    )

    received = await exchange(server, head.encode() + b"[" * 5001)

    assert received.startswith(b"HTTP/1.1 401")
    assert received.endswith(b"}]}")


def padded(
    size: int, path: str = "/healthz", *, sent_by: bytes = b"GET", body: bytes = b""
) -> bytes:
    """A request whose address and headers have this size, in one header more."""
    headers = [b"host: x", b"connection: close", b"content-length: %d" % len(body), b"x-padding: "]
    size -= len(path) + sum(map(len, headers)) + 2 * len(headers)
    head = b"\r\n".join((b"%b %b HTTP/1.1" % (sent_by, path.encode()), *headers))
    return head + b"a" * size + b"\r\n\r\n" + body


def is_refused(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"content-type: application/json" in head
    (error,) = json.loads(body)["errors"]
    return head.startswith(b"HTTP/1.1 431 ") and error["extensions"] == {"code": "TOO_LARGE"}


async def test_address_and_headers_have_a_limit_together(server: Server) -> None:
    within = await exchange(server, padded(MAX_HEAD_BYTES))
    long_address = padded(MAX_HEAD_BYTES + 1, "/" + "a" * (MAX_HEAD_BYTES - 1000))

    assert within.startswith(b"HTTP/1.1 200 ")
    assert is_refused(await exchange(server, padded(MAX_HEAD_BYTES + 1)))
    assert is_refused(await exchange(server, long_address))
    assert is_refused(await exchange(server, get("/", *["x: y"] * (MAX_HEAD_BYTES // 6))))


async def test_a_body_is_not_counted_with_them(server: Server) -> None:
    sent = padded(MAX_HEAD_BYTES, "/graphql", sent_by=b"POST", body=b"[" * 5000)

    assert (await exchange(server, sent)).startswith(b"HTTP/1.1 401 ")


async def test_every_request_of_a_connection_has_the_limit_for_itself(server: Server) -> None:
    large = get("/healthz", "x-padding: " + "a" * (MAX_HEAD_BYTES // 4))
    too_large = padded(MAX_HEAD_BYTES + 1)

    received = await exchange(server, large * 8 + too_large)

    assert received.count(b"HTTP/1.1 ") == 9
    assert received.count(b"HTTP/1.1 200 ") == 8
    assert is_refused(received[received.rindex(b"HTTP/1.1 ") :])


async def test_a_header_that_never_ends_is_cut_off(server: Server) -> None:
    start = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-padding: "
    assert await sent_until_closed(server, start) < MOST_SENT


async def test_one_that_comes_at_once_is_cut_off_too(server: Server) -> None:
    """The parser keeps what has no end yet, and tells of the beginning only."""
    start = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-padding: "
    async with asyncio.timeout(15):
        # Whoever is still sending when it is cut off is not sure to see why.
        with contextlib.suppress(ConnectionResetError):
            assert is_refused(
                await exchange(server, start + b"a" * (MAX_HEAD_BYTES + PORTION_BYTES))
            )


async def test_headers_after_a_body_have_the_limit_and_mean_nothing(server: Server) -> None:
    start = (
        b"POST /healthz HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        b"connection: close\r\n\r\n2\r\n{}\r\n0\r\n"
    )

    received = await exchange(server, start + b"x-request-id: after-the-body\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 405 ")
    assert b"after-the-body" not in received
    assert await sent_until_closed(server, start.replace(b"close", b"keep-alive")) < MOST_SENT


async def test_the_metrics_of_a_worker_have_the_limit_too() -> None:
    port = free_port()
    async with scraped(Metrics(is_public=False), listen("127.0.0.1", port), ()):
        received = await exchange_at(port, padded(MAX_HEAD_BYTES + 1, "/metrics"))

    assert is_refused(received)


async def sent_until_closed(server: Server, start: bytes) -> int:
    """How many bytes of a header without an end the server takes."""
    async with asyncio.timeout(30):
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(start)
        size = 0
        try:
            while size < MOST_SENT and not writer.is_closing():
                writer.write(b"a" * 65_536)
                size += 65_536
                await writer.drain()
        except ConnectionError:
            pass
        writer.transport.abort()
        return size


async def test_what_is_no_http_is_400(server: Server) -> None:
    received = await exchange(server, b"NOT HTTP\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400")
