"""A load generator that is as light as Python allows, in a process of its own.

Closed loop: each connection sends its next request when the last answer is complete; connections
are kept alive and never pipelined. Requests are finished bytes; only the idempotency key is put in.

Run as `python -m bench.load`, with a `Load` as JSON on standard input; prints a `Measured` as JSON.
"""

import asyncio
import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count, cycle
from time import perf_counter
from typing import cast
from uuid import uuid4

import uvloop

KEY = "K" * 32
"""Stands for an idempotency key in a request, and is as long as one."""

SAMPLE_EVERY = 101
MAX_SAMPLES = 50
_HEADER_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to do: `requests` are sent in turn, for `seconds` after a warm-up."""

    port: int
    connections: int
    seconds: float
    warm_up_seconds: float
    requests: list[bytes] = field(repr=False)

    def to_json(self) -> str:
        """For standard input of the generator."""
        return json.dumps(asdict(self), default=lambda raw: b64encode(raw).decode())

    @classmethod
    def from_json(cls, text: str) -> "Load":
        """From standard input of the generator."""
        given = json.loads(text)
        given["requests"] = [b64decode(each) for each in given["requests"]]
        return cls(**given)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of it. `refused` counts answers with a status other than 200.

    `answered` counts those of the warm-up too. `server_cpu_us` is the processor time of the server
    process for each of them: without PostgreSQL's, and without waiting for a turn.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    count: int
    refused: int
    answered: int
    server_cpu_us: float | None = None
    samples: list[str] = field(default_factory=list, repr=False)


def measured(
    latencies: list[float], seconds: float, *, answered: int, refused: int = 0
) -> Measured:
    """Percentiles of latencies in seconds."""
    ordered = sorted(latencies)
    if not ordered:
        raise RuntimeError("nothing was answered")
    return Measured(
        requests_per_second=len(ordered) / seconds,
        p50_ms=ordered[len(ordered) // 2] * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        count=len(ordered),
        refused=refused,
        answered=answered,
    )


class Run:
    """What the connections of one run share."""

    def __init__(self, load: Load) -> None:
        self.requests: Iterator[bytes] = cycle(load.requests)
        self.has_key = KEY.encode() in load.requests[0]
        self._keys = count()
        self._prefix = uuid4().hex[:16]
        self.measure_from = perf_counter() + load.warm_up_seconds
        self.measure_until = self.measure_from + load.seconds
        self.latencies: list[float] = []
        self.samples: list[str] = []
        self.refused = 0
        self.answers = 0
        self.lost: Exception | None = None

    def next_request(self) -> bytes:
        """The bytes to send next."""
        request = next(self.requests)
        if self.has_key:
            key = f"{self._prefix}{next(self._keys):016x}"
            return request.replace(KEY.encode(), key.encode())
        return request

    def answered(self, sent: float, head: bytes, body: bytes) -> bool:
        """Note an answer; returns whether there is time for another request."""
        now = perf_counter()
        self.answers += 1
        if not head.startswith(b"HTTP/1.1 200"):
            self.refused += 1
            self.samples.append(body[:1000].decode())
        if now >= self.measure_until:
            return False
        if now >= self.measure_from:
            self.latencies.append(now - sent)
            if len(self.latencies) % SAMPLE_EVERY == 1 and len(self.samples) < MAX_SAMPLES:
                self.samples.append(body.decode())
        return True


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, run: Run, done: "asyncio.Future[None]") -> None:
        self._run = run
        self._done = done
        self._received = bytearray()
        self._missing = 0
        self._body_from = 0
        self._sent = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transport is no subclass of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if not self._body_from:
            end = received.find(_HEADER_END)
            if end < 0:
                return
            self._body_from = end + len(_HEADER_END)
            at = received.find(_LENGTH, 0, end + 2) + len(_LENGTH)
            length = int(received[at : received.index(b"\r", at)])
            self._missing = self._body_from + length
        if len(received) < self._missing:
            return
        head, body = bytes(received[: self._body_from]), bytes(received[self._body_from :])
        received.clear()
        self._body_from = 0
        if self._run.answered(self._sent, head, body):
            self._send()
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._run.lost = exc or ConnectionError("the server closed a connection")
            self._done.set_result(None)

    def _send(self) -> None:
        assert self._transport is not None
        request = self._run.next_request()
        self._sent = perf_counter()
        self._transport.write(request)

    def _finish(self) -> None:
        assert self._transport is not None
        self._done.set_result(None)
        self._transport.close()


async def drive(load: Load) -> Measured:
    """Put on the load and measure."""
    loop = asyncio.get_running_loop()
    run = Run(load)
    waiting: list[asyncio.Future[None]] = []
    for _ in range(load.connections):
        done: asyncio.Future[None] = loop.create_future()
        waiting.append(done)
        await loop.create_connection(partial(Connection, run, done), "127.0.0.1", load.port)
    await asyncio.gather(*waiting)
    if run.lost is not None:
        raise run.lost
    figures = measured(run.latencies, load.seconds, answered=run.answers, refused=run.refused)
    return Measured(**{**asdict(figures), "samples": run.samples})


def main() -> None:
    load = Load.from_json(sys.stdin.read())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(drive(load)))))


if __name__ == "__main__":
    main()
