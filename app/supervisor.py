"""`customer-flow up`: everything on one machine under one process.

Embedded servers (those without an address), migrations, demo data for an empty database, then the
API server, the worker and the scheduler as children that are kept running. SIGINT, SIGTERM and a
closed terminal stop all of it in order: children, Redis, PostgreSQL. If this process is killed, the
kernel ends the rest.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass

from sqlalchemy import select

from app.infra.database import Database, Statement
from app.infra.embedded import EmbeddedServerError, embedded_servers, with_addresses
from app.infra.migrate import upgrade
from app.infra.patience import WORKING
from app.infra.programs import Program, ProgramError, keep_running
from app.infra.reaching import NotReady
from app.infra.settings import Settings
from app.infra.terminal import Terminal
from app.models import users
from app.services.demo import seed
from app.services.demo.company import passwords_of_their_own, rows
from app.services.first_admin import HAS_ADMIN

PORT_SECONDS = 5.0
"""How long a port may stay taken: a copy that was just killed is still letting go of it."""

READY_POLL_SECONDS = 0.1
PATIENCE_SECONDS = 30.0
_CHILDREN = {"api": "serve", "worker": "work", "scheduler": "schedule"}
_FIRST = "api"
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - looked up, not bound to
_CREATE_ADMIN = ("Shell", "customer-flow create-admin --email EMAIL --name NAME")

DEMO_USERS = Statement(
    select(users.c.email, users.c.roles)
    .where(users.c.email.endswith("@demo.example"), users.c.is_active)
    .order_by(users.c.id)
)


@dataclass(frozen=True, kw_only=True)
class _WhoIsThere:
    """The log-ins of the demo data, by role, and whether there is an active administrator."""

    demo: list[tuple[str, str]]
    has_admin: bool


class PortInUseError(Exception):
    """Another program listens where one of ours should."""


def run(settings: Settings) -> int:
    """Run until told to stop; returns the exit code: 0 when stopped, 1 when it could not go on."""
    return asyncio.run(_Supervisor(settings).run())


class _Supervisor:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._started = time.monotonic()
        self._ready = asyncio.Event()
        self._is_stopping = False
        self._work: asyncio.Task[None] | None = None
        self._terminal = Terminal(
            sys.stdout.fileno(),
            sys.stderr.fileno(),
            prefixed=settings.log_format == "console",
            lost=self._stop,
        )

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._stop)
        self._work = asyncio.create_task(self._up())
        try:
            await self._work
        except asyncio.CancelledError:
            self._terminal.say("Stopped")
            return 0
        except (EmbeddedServerError, NotReady, PortInUseError) as error:
            self._terminal.fail(str(error))
        except ExceptionGroup as group:
            failed, unexpected = group.split(ProgramError)
            if failed is None or unexpected is not None:
                raise
            self._terminal.fail(str(failed.exceptions[0]))
        return 1

    def _stop(self) -> None:
        """Stop in order. A second signal changes nothing: every step of stopping has its limit."""
        if self._is_stopping or self._work is None:
            return
        self._is_stopping = True
        self._work.cancel()
        self._terminal.say("Stopping")

    async def _up(self) -> None:
        for name in ("port", "worker_metrics_port", "scheduler_metrics_port"):
            if (port := getattr(self._settings, name)) is not None:
                await _until_free(self._settings.host, port, name.upper())
        async with embedded_servers(self._settings, report=self._terminal.say) as addresses:
            settings = with_addresses(self._settings, addresses)
            users = await self._prepare_database(settings)
            environment = _environment(settings)
            self._terminal.say("Starting the API server, the worker and the scheduler")
            async with asyncio.TaskGroup() as group:
                for name, command in _CHILDREN.items():
                    program = Program(
                        name=name,
                        command=(sys.executable, "-m", "app.cli", command),
                        environment=environment,
                    )
                    group.create_task(self._keep_running(program))
                group.create_task(self._announce(users))

    async def _keep_running(self, program: Program) -> None:
        # Three programs that load at once on two cores would keep the first query waiting.
        if program.name != _FIRST:
            await self._ready.wait()
        await keep_running(
            program,
            settled=self._ready,
            report=self._terminal.say,
            pass_on=self._terminal.pass_on,
        )

    async def _prepare_database(self, settings: Settings) -> "_WhoIsThere":
        """Migrate, and load demo data into an empty database if it is wanted."""
        url = settings.database_url or ""
        self._terminal.say("Migrating the database")
        await asyncio.to_thread(upgrade, settings.owner_url)
        database = Database(
            url,
            read_url=settings.database_read_url,
            pool_size=2,
            time_zone=settings.company_time_zone,
            patience=WORKING,
        )
        await database.open()
        try:
            await self._seed(database)
            async with database.transaction() as transaction:
                found = await transaction.fetch(DEMO_USERS)
                has_admin = await transaction.fetchval(HAS_ADMIN)
        finally:
            await database.close()
        return _WhoIsThere(
            demo=[(" ".join(user["roles"]), user["email"]) for user in found], has_admin=has_admin
        )

    async def _seed(self, database: Database) -> None:
        """Demo data at home, and elsewhere where they are asked for: then with passwords that
        nobody can guess, shown once and kept nowhere.
        """
        at_home = self._settings.is_at_home
        wanted = at_home if self._settings.demo_data is None else self._settings.demo_data
        passwords = None if at_home else passwords_of_their_own()
        if not wanted or not await seed(database, passwords=passwords):
            return
        self._terminal.say("Loaded demo data into the empty database")
        if passwords is not None:
            self._terminal.show(
                "Demo log-ins and their passwords, shown only now:", rows(passwords)
            )

    async def _announce(self, users: "_WhoIsThere") -> None:
        """Wait until the API server is ready, then say where it is and who can log in."""
        host, port = self._settings.host, self._settings.port
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := await _readiness(host, port)) != 200:
            if time.monotonic() > deadline:
                deadline += PATIENCE_SECONDS
                self._terminal.say(f"Still waiting: /readyz says {answer or 'nothing'}")
            await asyncio.sleep(READY_POLL_SECONDS)
        self._ready.set()
        seconds = time.monotonic() - self._started
        reachable = _ANY_ADDRESS.get(host, host)
        place = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
        self._terminal.show(
            f"Customer Flow is ready after {seconds:.1f} s. Ctrl-C stops it.",
            [
                ("GraphQL", f"{place}/graphql (in a browser: the IDE)"),
                ("State", f"{place}/healthz {place}/readyz {place}/metrics"),
                ("Data", str(self._settings.data_dir)),
            ],
        )
        if users.demo and self._settings.is_at_home:
            self._terminal.show("Demo log-ins, password demo:", users.demo)
        if not users.has_admin:
            self._terminal.show("There is no active administrator. To make one:", [_CREATE_ADMIN])


async def _until_free(host: str, port: int, setting: str) -> None:
    deadline = time.monotonic() + PORT_SECONDS
    while not _is_free(host, port):
        if time.monotonic() > deadline:
            raise PortInUseError(
                f"port {port} of {host} is in use by another program; set {setting} to a free one"
            )
        await asyncio.sleep(READY_POLL_SECONDS)


def _is_free(host: str, port: int) -> bool:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


async def _readiness(host: str, port: int) -> int | None:
    """The status code of /readyz; None while nothing answers."""
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(_ANY_ADDRESS.get(host, host), port)
            try:
                writer.write(
                    b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                )
                status_line = await reader.readline()
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return None
    parts = status_line.split()
    return int(parts[1]) if len(parts) > 1 else None


def _environment(settings: Settings) -> dict[str, str]:
    """What the children are told: our own environment, and what we found out for them."""
    return {
        **os.environ,
        "DATABASE_URL": settings.database_url or "",
        "DATABASE_READ_URL": settings.database_read_url or "",
        "DATABASE_MIGRATION_URL": "",  # the owner's: none of them migrates
        "REDIS_URL": settings.redis_url or "",
        "CUSTOMER_FLOW_DATA_DIR": str(settings.data_dir),
        "LOG_FORMAT": settings.log_format,
        "PYTHONUNBUFFERED": "1",
    }
