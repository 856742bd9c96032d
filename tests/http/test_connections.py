"""Whoever connects and does not go on loses their place, and nobody else notices."""

import asyncio
import contextlib
import json
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

from tests.serving import Server, serving

SECONDS = {"IDLE_CONNECTION_SECONDS": "1", "HEAD_SECONDS": "1", "BODY_SECONDS": "1"}
PLACES = 20
ALIVE = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
HEAD = b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-one: "
BODY = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"content-length: 1000\r\n\r\n{"
)
CHUNKED = (
    b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"
)
TRICKLE_SECONDS = 0.1
# Generous: what is asserted is that it ends, and the server says after how long.
PATIENCE_SECONDS = 40


@pytest.fixture(scope="module")
async def server(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    async with serving(database_url, redis_url, settings=SECONDS) as running:
        yield running


@pytest.fixture
async def crowded(database_url: str, redis_url: str) -> AsyncIterator[Server]:
    settings = {"MAX_CONNECTIONS": str(PLACES)}
    async with serving(database_url, redis_url, settings=settings) as running:
        yield running


class Connection:
    """A client's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def answer(self) -> bytes:
        """One answer with a length."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return head + await self.reader.readexactly(length)


Connect = Callable[[Server], Awaitable[Connection]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    made = []

    async def connected(server: Server) -> Connection:
        connection = Connection(*await asyncio.open_connection("127.0.0.1", server.port))
        made.append(connection)
        return connection

    yield connected
    for connection in made:
        connection.writer.transport.abort()


async def trickle(connection: Connection, byte: bytes) -> None:
    """One byte after the other, until nobody takes any more."""
    with contextlib.suppress(ConnectionError):
        while not connection.writer.is_closing():
            await connection.send(byte)
            await asyncio.sleep(TRICKLE_SECONDS)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def code(answer: bytes) -> str:
    (error,) = json.loads(answer.partition(b"\r\n\r\n")[2])["errors"]
    return error["extensions"]["code"]


@pytest.mark.parametrize(
    ("sent", "going_on_with", "expected"),
    [
        (b"", None, None),
        (b"", b"\r\n", None),
        (b"G", None, 408),
        (HEAD, None, 408),
        (HEAD, b"a", 408),
        (b"GET /", b"a", 408),
        (HEAD + b"a\r\n", b"x-y: z\r\n", 408),
    ],
    ids=["nothing", "line ends", "a letter", "half", "trickle", "address", "headers without end"],
)
async def test_who_never_finishes_a_head_is_cut_off(
    server: Server,
    connect: Connect,
    sent: bytes,
    going_on_with: bytes | None,
    expected: int | None,
) -> None:
    connection = await connect(server)
    await connection.send(sent)
    if going_on_with is not None:
        going_on = asyncio.create_task(trickle(connection, going_on_with))

    answer = await connection.rest()

    if going_on_with is not None:
        going_on.cancel()
    if expected is None:
        assert answer == b""
    elif answer or going_on_with is None:  # whoever still sends may not see it
        assert (status(answer), code(answer)) == (expected, "TOO_SLOW")


@pytest.mark.parametrize("sent", [BODY, CHUNKED], ids=["length", "chunks"])
async def test_who_never_finishes_a_body_is_cut_off(
    server: Server, connect: Connect, sent: bytes
) -> None:
    connection = await connect(server)
    await connection.send(sent)

    answer = await connection.rest()

    assert status(answer) in {408, 401}
    assert b"connection: close" in answer.lower() or status(answer) == 401


async def test_a_body_that_trickles_is_cut_off(server: Server, connect: Connect) -> None:
    connection = await connect(server)
    await connection.send(BODY)
    going_on = asyncio.create_task(trickle(connection, b" "))

    await connection.rest()

    going_on.cancel()


async def test_who_says_nothing_after_an_answer_is_cut_off(
    server: Server, connect: Connect
) -> None:
    connection = await connect(server)
    await connection.send(ALIVE)

    answer = await connection.rest()

    assert answer.count(b"HTTP/1.1 200 OK") == 1


async def test_who_does_not_fetch_their_answers_is_cut_off(
    server: Server, connect: Connect
) -> None:
    connection = await connect(server)
    page = await one(server, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    start = page.index(b"/ide/graphiql.min.")
    path = page[start : page.index(b'"', start)]
    asked = b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path
    connection.writer.transport.pause_reading()  # type: ignore[attr-defined]

    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not connection.writer.is_closing():
                await connection.send(asked)
                await asyncio.sleep(TRICKLE_SECONDS)

    assert connection.writer.is_closing()


async def test_who_goes_on_in_time_is_served_for_as_long_as_they_like(
    server: Server, connect: Connect
) -> None:
    connection = await connect(server)
    for _ in range(5):
        await connection.send(ALIVE[:10])
        await asyncio.sleep(0.4)
        await connection.send(ALIVE[10:])

        assert status(await connection.answer()) == 200


async def test_a_head_that_begins_behind_another_has_a_time_of_its_own(
    server: Server, connect: Connect
) -> None:
    """Each piece holds the end of one request and the beginning of the next."""
    connection = await connect(server)
    await connection.send(ALIVE[:10])
    for _ in range(5):
        await asyncio.sleep(0.4)
        await connection.send(ALIVE[10:] + ALIVE[:10])

        assert status(await connection.answer()) == 200


@pytest.mark.parametrize("sent", [b"", HEAD], ids=["silent", "half a head"])
async def test_where_all_places_are_taken_the_oldest_silent_one_makes_room(
    crowded: Server, connect: Connect, sent: bytes
) -> None:
    taken = []
    for _ in range(PLACES + 5):
        connection = await connect(crowded)
        await connection.send(sent)
        taken.append(connection)

    newest = await connect(crowded)
    await newest.send(ALIVE)

    assert status(await newest.answer()) == 200
    assert await taken[0].rest() == b""
    await taken[-1].send(ALIVE if not sent else b"a\r\n\r\n")
    assert status(await taken[-1].answer()) == 200


async def test_the_silent_make_room_before_those_whose_request_is_incomplete(
    crowded: Server, connect: Connect
) -> None:
    begun = await connect(crowded)
    await begun.send(HEAD)
    silent = [await connect(crowded) for _ in range(PLACES - 1)]
    newest = await connect(crowded)
    await newest.send(ALIVE)

    assert status(await newest.answer()) == 200
    assert await silent[0].rest() == b""
    await begun.send(b"a\r\n\r\n")
    assert status(await begun.answer()) == 200


async def test_where_everybody_sends_a_body_the_next_one_is_told_to_come_back(
    crowded: Server, connect: Connect
) -> None:
    for _ in range(PLACES):
        connection = await connect(crowded)
        await connection.send(BODY)
    # The server takes them in turn: once it has the last one's head, it has all.
    await asyncio.sleep(1)

    answer = await (await connect(crowded)).rest()

    assert (status(answer), code(answer)) == (503, "UNAVAILABLE")
    assert b"retry-after: " in answer


@pytest.fixture
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_more_silent_connections_than_it_may_open_files_cut_nobody_off(
    database_url: str, redis_url: str, connect: Connect
) -> None:
    async with serving(database_url, redis_url, open_files=1024) as server:
        for _ in range(1100):
            await connect(server)

        for _ in range(3):
            assert status(await one(server, ALIVE.replace(b"host", b"connection: close\r\nhost")))
        ready = b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        assert status(await one(server, ready)) == 200
        assert "Too many open files" not in server.log


async def one(server: Server, sent: bytes) -> bytes:
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer


async def test_several_processes_have_the_bounds_each(
    database_url: str, redis_url: str, connect: Connect
) -> None:
    settings = SECONDS | {"SERVER_PROCESSES": "2"}
    async with serving(database_url, redis_url, settings=settings) as server:
        silent = [await connect(server) for _ in range(10)]

        assert [await each.rest() for each in silent] == [b""] * 10
        assert status(await one(server, ALIVE.replace(b"host", b"connection: close\r\nhost")))
