"""`/metrics` for a process that serves nothing else: the worker, the scheduler.

The same page as the API server's, under the same rule. It runs on the process's own event loop, so
that an answer is also a sign that the loop turns.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route

from app.http.connections import Bounds, Connections
from app.http.metrics import Metrics
from app.http.protocol import speaking

MAX_CONNECTIONS = 16
"""More than any number of scrapers: of more, those that say nothing are ended."""

SHUTDOWN_SECONDS = 1


def listen(host: str, port: int) -> socket.socket:
    """The socket to answer on; raises OSError."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address, family=family)


@asynccontextmanager
async def scraped(
    metrics: Metrics, listener: socket.socket, trusted_proxies: Sequence[str]
) -> AsyncIterator[None]:
    """Answer at `/metrics` for the length of the block, and close the socket."""
    config = uvicorn.Config(
        Starlette(routes=[Route("/metrics", metrics.page)]),
        http=speaking(Connections(Bounds(most=MAX_CONNECTIONS))),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to the process: it has work to finish before it ends."""
        yield
