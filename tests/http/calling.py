"""How the tests talk to a server that runs in this process."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from asgi_lifespan import LifespanManager

from app.infra.settings import Settings
from app.main import create_app

SECRET = secrets.token_urlsafe(48)
MODERN = "application/graphql-response+json"
PASSWORD = "a password to test with"
SomeSettings = Callable[..., Settings]


class Client:
    """Somebody who talks to the server, with a token or without."""

    def __init__(self, http: httpx.AsyncClient, token: str | None) -> None:
        self.http = http
        self.headers = {"authorization": f"Bearer {token}"} if token else {}

    async def send(
        self, body: bytes, *, accept: str = MODERN, content_type: str = "application/json"
    ) -> httpx.Response:
        """A POST of these very bytes."""
        headers = {**self.headers, "accept": accept, "content-type": content_type}
        return await self.http.post("/graphql", content=body, headers=headers)

    async def ask(self, query: str, accept: str = MODERN, **variables: Any) -> httpx.Response:
        """A POST of one operation."""
        return await self.http.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={**self.headers, "accept": accept},
        )

    async def get(self, **parameters: str) -> httpx.Response:
        """A GET with these parameters."""
        headers = {**self.headers, "accept": MODERN}
        return await self.http.get("/graphql", params=parameters, headers=headers)


@asynccontextmanager
async def served(
    settings: Settings, address: str = "127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with these settings, for the length of the block."""
    async with LifespanManager(create_app(settings)) as running:
        transport = httpx.ASGITransport(running.app, client=(address, 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            yield http
