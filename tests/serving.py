"""The real API server as a process of its own: started, killed, started again on the same port."""

import asyncio
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import orjson

from app.services.auth.tokens import AccessTokens

GRAPHQL = "/graphql"
MODERN = "application/graphql-response+json"
START_SECONDS = 60
STOP_SECONDS = 15
ANSWER_SECONDS = 60
# Below the range that the system takes outgoing ports from: a client that finds nobody listening
# there must not be connected to itself.
PORTS = range(20_000, 32_000)


class NotServing(Exception):
    """The server process did not come up, or went away by itself."""


def free_port() -> int:
    """A port that nobody listens on."""
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise NotServing("no port is free")


@dataclass(kw_only=True)
class Server:
    """`customer-flow serve` on a loopback port. Not running until `start`."""

    database_url: str
    redis_url: str
    place: Path
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    open_files: int | None = None
    """How many files the system lets it open; None: as many as this process."""

    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def tokens(self) -> AccessTokens:
        return AccessTokens(self.secret_key, timedelta(minutes=60))

    def token(self, user_id: UUID, access_version: int = 1) -> str:
        """A bearer token as the server itself would issue it."""
        return self.tokens.issue(user_id, access_version).text

    @property
    def log(self) -> str:
        """Everything that the processes of this server have written."""
        path = self.place / "server.log"
        return path.read_text() if path.exists() else ""

    @property
    def faults(self) -> list[str]:
        """What the log calls internal errors, which no client may ever cause."""
        return [line for line in self.log.splitlines() if '"internal error"' in line]

    def launch(self) -> None:
        """Start the process; `ready` waits for it."""
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": self.secret_key,
            "CUSTOMER_FLOW_DATA_DIR": str(self.place),
            "PORT": str(self.port),
            "LOG_LEVEL": "info",
            "LOG_FORMAT": "json",
            **self.settings,
        }
        command = [sys.executable, "-m", "app.cli", "serve"]
        if self.open_files is not None:
            limited = f'ulimit -n {self.open_files} && exec "$@"'
            command = ["/bin/sh", "-c", limited, "sh", *command]
        with (self.place / "server.log").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own words, all of them
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    async def ready(self) -> None:
        """Until `/readyz` says that everything is there."""
        async with (
            httpx.AsyncClient(base_url=self.url, trust_env=False) as http,
            asyncio.timeout(START_SECONDS),
        ):
            while not await self._answers_ready(http):  # noqa: ASYNC110 - it cannot set an event
                await asyncio.sleep(0.02)

    async def start(self) -> None:
        self.launch()
        await self.ready()

    def kill(self) -> None:
        """SIGKILL: no handler runs, no connection is closed in order."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and wait for the end; nothing if it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    async def _answers_ready(self, http: httpx.AsyncClient) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise NotServing(self.log[-3000:])
        try:
            return (await http.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


@asynccontextmanager
async def serving(database_url: str, redis_url: str, **given: Any) -> AsyncIterator[Server]:
    """A running server for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        server = Server(database_url=database_url, redis_url=redis_url, place=Path(place), **given)
        try:
            await server.start()
            yield server
        finally:
            await server.stop()


@dataclass(frozen=True)
class Reply:
    """What came back. Nothing here says that it went well."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def request_id(self) -> str:
        return self.headers["x-request-id"]

    def field(self, name: str) -> Any:
        """One root field of an answer that is whole."""
        assert self.status == 200, self.body
        assert "errors" not in self.json, self.body
        return self.json["data"][name]


class Client:
    """Somebody who sends requests with one bearer token, or none."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.http = http
        self.headers = {"content-type": "application/json", "accept": MODERN}
        if token is not None:
            self.headers["authorization"] = f"Bearer {token}"

    async def send(self, content: bytes, **headers: str) -> Reply:
        """These very bytes; `headers` with hyphens written as underscores."""
        own = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.http.post(GRAPHQL, content=content, headers=self.headers | own)
        return Reply(answer.status_code, answer.headers, answer.content)

    async def ask(
        self, document: str, variables: Mapping[str, Any] | None = None, **headers: str
    ) -> Reply:
        """One operation."""
        return await self.send(body_of(document, variables), **headers)


def body_of(document: str, variables: Mapping[str, Any] | None = None) -> bytes:
    return orjson.dumps({"query": document, "variables": variables or {}})


def new_http(server: Server) -> httpx.AsyncClient:
    """Connections to a server, kept alive; as many as are asked for at once."""
    return httpx.AsyncClient(
        base_url=server.url,
        trust_env=False,
        timeout=ANSWER_SECONDS,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
    )
