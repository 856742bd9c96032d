"""Composition root of the API server."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from starlette.types import ASGIApp

from app.http.application import Endpoints, build
from app.http.endpoint import GraphqlEndpoint
from app.http.health import Health
from app.http.ide import Ide
from app.http.metrics import Metrics
from app.http.operations import Operations
from app.infra.database import Database
from app.infra.log_in import warn_of_excess
from app.infra.logging import configure_logging
from app.infra.metrics import measure
from app.infra.patience import ASIDE
from app.infra.reaching import NotReady
from app.infra.redis import new_client
from app.infra.settings import Settings, SettingsError, read_settings
from app.infra.turns import Turns
from app.planner.catalogue import Catalogue
from app.planner.documents import Documents
from app.planner.plans import Plans
from app.resolvers.context import Program
from app.schema.root import schema
from app.services.auth.authentication import Authentication
from app.services.auth.issuer_keys import new_http_client
from app.services.auth.limits import LogInLimits
from app.services.auth.login import LocalLogIn
from app.services.auth.oidc import OidcTokens
from app.services.auth.passwords import Passwords
from app.services.auth.policy_channel import follow_policy
from app.services.auth.tokens import AccessTokens
from app.services.auth.viewers import Viewers

OPEN_AGAIN_SECONDS = 1.0
ASIDE_CONNECTIONS = 2
CANCEL_AGAIN_SECONDS = 0.1

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> ASGIApp:
    """The application of one server process. Without `settings`: those of the environment.

    It starts and answers although PostgreSQL or Redis is away, says so at `/readyz`, and works as
    soon as they are back.
    """
    if settings is None:
        settings = read_settings()
        configure_logging(settings.log_level, settings.log_format)
    return _Server(settings).app


class _Server:
    """Everything that one process wires, for as long as it runs."""

    def __init__(self, settings: Settings) -> None:
        if settings.database_url is None or settings.redis_url is None:
            raise SettingsError("DATABASE_URL and REDIS_URL: must both be set for the API server")
        self._is_open = False
        self._database = Database(
            settings.database_url,
            read_url=settings.database_read_url,
            pool_size=settings.database_pool_size,
            time_zone=settings.company_time_zone,
        )
        # However much is read and posted, log-ins and probes find a connection.
        self._aside = Database(
            settings.database_url,
            read_url=settings.database_read_url,
            pool_size=ASIDE_CONNECTIONS,
            time_zone=settings.company_time_zone,
            patience=ASIDE,
        )
        self._redis = new_client(settings.redis_url)
        self._viewers = Viewers(self._database)
        self._viewers_aside = Viewers(self._aside)
        self._passwords = Passwords()
        self._issuer_http = new_http_client()
        authentication, local_login = self._authentication(settings)
        # Strawberry's own schema object would parse and validate again; ours is graphql-core's.
        graphql_schema = schema._schema  # noqa: SLF001 - Strawberry has no public name for it
        catalogue = Catalogue(graphql_schema)
        self._turns = Turns()
        documents = Documents(graphql_schema, catalogue, self._turns)
        program = Program(
            database=self._database,
            catalogue=catalogue,
            plans=Plans(catalogue, self._turns),
            viewers=self._viewers,
            passwords=self._passwords,
            local_login=local_login,
        )
        self._measure(documents, program.plans)
        health = Health(
            database=self._aside,
            redis=self._redis,
            viewers=self._viewers_aside,
            is_open=self.is_open,
        )
        endpoints = Endpoints(
            graphql=GraphqlEndpoint(
                Operations(graphql_schema, documents, program, self._turns),
                authentication,
                body_limit_bytes=settings.body_limit_bytes,
                is_open=self.is_open,
            ),
            ide=Ide(),
            health=health,
            metrics=Metrics(is_public=settings.metrics_public, read=health.observe),
        )
        self.app = build(
            endpoints, cors_origins=settings.cors_origins, lifespan=lambda _app: self._lifespan()
        )

    def is_open(self) -> bool:
        """Whether the database was reached since the start."""
        return self._is_open

    def _authentication(self, settings: Settings) -> tuple[Authentication, LocalLogIn | None]:
        """Our own log-in, or an outside issuer's tokens: never both."""
        if settings.oidc_issuer is not None:
            outside = OidcTokens(
                self._database,
                self._issuer_http,
                issuer=settings.oidc_issuer,
                audience=settings.oidc_audience or "",
                jwks_url=settings.oidc_jwks_url,
            )
            return Authentication(outside, self._viewers), None
        secret_key = settings.secret_key.get_secret_value()
        tokens = AccessTokens(secret_key, timedelta(minutes=settings.access_token_minutes))
        local_login = LocalLogIn(
            database=self._aside,
            viewers=self._viewers_aside,
            passwords=self._passwords,
            tokens=tokens,
            limits=LogInLimits(self._redis, secret_key),
            refresh_lifetime=timedelta(days=settings.refresh_token_days),
            takes_demo_password=settings.is_unreachable,
        )
        return Authentication(tokens, self._viewers), local_login

    def _measure(self, documents: Documents, plans: Plans) -> None:
        measure("customer_flow_documents", "Documents kept.", lambda: len(documents))
        measure("customer_flow_plans", "Compiled plans kept.", lambda: len(plans))
        measure("customer_flow_plan_hits", "Plans found compiled.", lambda: plans.hits)
        measure("customer_flow_plan_misses", "Plans compiled.", lambda: plans.misses)
        for name in ("read", "write"):
            for what in ("size", "idle"):
                measure(
                    f"customer_flow_database_{name}_connections_{what}",
                    f"Connections of the {name} pool: {what}.",
                    partial(self._connections, name, what),
                )

    def _connections(self, name: str, what: str) -> int:
        if not self._is_open:
            return 0
        pool = self._database.read_pool if name == "read" else self._database.write_pool
        return pool.get_size() if what == "size" else pool.get_idle_size()

    @asynccontextmanager
    async def _lifespan(self) -> AsyncIterator[None]:
        """Open on the way in; on the way out, after the last answer, close in the reverse order."""
        tasks = [
            _background(follow_policy(self._redis, self._viewers)),
            *([] if await self._opened() else [_background(self._open_later())]),
        ]
        # What is wired lives as long as the process: looking through it for garbage, again and
        # again, is the most expensive thing that could happen to a request.
        gc.collect()
        gc.freeze()
        try:
            yield
        finally:
            await asyncio.gather(*(_stopped(task) for task in tasks))
            gc.unfreeze()
            self._is_open = False
            await self._database.close()
            await self._aside.close()
            await self._redis.aclose()
            await self._issuer_http.aclose()
            self._passwords.close()
            self._turns.close()

    async def _opened(self) -> bool:
        try:
            await self._open()
        except NotReady as error:
            log.warning("the database is not ready, trying again", reason=str(error))
        else:
            self._is_open = True
            await warn_of_excess(self._database)
        return self._is_open

    async def _open(self) -> None:
        await self._database.open()
        try:
            await self._aside.open()
        except BaseException:
            await self._database.close()
            raise

    async def _open_later(self) -> None:
        opened = False
        while not opened:
            await asyncio.sleep(OPEN_AGAIN_SECONDS)
            opened = await self._opened()


def _background(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task whose failure is seen at once, not when the process ends."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    return task


async def _stopped(task: asyncio.Task[None]) -> None:
    """Until it has ended: the Redis client may swallow a cancellation, so one is not enough."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN_SECONDS)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a background task has failed", exc_info=error)
