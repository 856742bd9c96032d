"""What answers where, and what lies around it."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from app.http import request_ids
from app.http.edge import Edge
from app.http.endpoint import GraphqlEndpoint
from app.http.health import Health
from app.http.ide import Ide, is_navigation
from app.http.metrics import Metrics

GRAPHQL = "/graphql"

_CORS_HEADERS = ("authorization", "content-type", request_ids.HEADER.decode())
_PREFLIGHT_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Endpoints:
    """What answers."""

    graphql: GraphqlEndpoint
    ide: Ide
    health: Health
    metrics: Metrics


def build(
    endpoints: Endpoints, *, cors_origins: Sequence[str], lifespan: Lifespan[Starlette]
) -> ASGIApp:
    """The application. Without `cors_origins` no answer has a CORS header."""
    routes = [
        Route("/", endpoints.ide.page),
        Route("/ide/{name}", endpoints.ide.file),
        Route("/healthz", endpoints.health.alive),
        Route("/readyz", endpoints.health.ready),
        Route("/metrics", endpoints.metrics.page),
    ]
    pages = Starlette(routes=routes, lifespan=lifespan)
    app: ASGIApp = _Dispatch(endpoints, pages)
    if cors_origins:
        app = CORSMiddleware(
            app,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=list(_CORS_HEADERS),
            expose_headers=[request_ids.HEADER.decode()],
            max_age=_PREFLIGHT_SECONDS,
        )
    return Edge(app, routes=frozenset([GRAPHQL, *(route.path for route in routes)]))


class _Dispatch:
    """GraphQL before all the rest: Starlette's layers cost a request more than ours do.

    The address of GraphQL is also one for people, who get the IDE there.
    """

    def __init__(self, endpoints: Endpoints, pages: ASGIApp) -> None:
        self._graphql = endpoints.graphql
        self._ide: ASGIApp = endpoints.ide.send_page
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != GRAPHQL:
            await self._pages(scope, receive, send)
        elif scope["method"] == "GET" and is_navigation(scope):
            await self._ide(scope, receive, send)
        else:
            await self._graphql(scope, receive, send)
