"""Every command without the PostgreSQL that it needs: a line and the end, or patience."""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
import typer

from app.cli import app
from app.infra.backups.note import Kind, Note, digest_of, write
from app.infra.embedded import embedded_servers
from app.infra.migrate import head
from app.infra.settings import Settings
from tests.conftest import ROOT, administer, drop_database, own_database, url_of
from tests.serving import free_port

EXAMPLE = str(ROOT / "examples" / "accounts-receivable.toml")
ENDING = {
    "backup": ("NEW",),
    "restore": ("BACKUP",),
    "up": (),
    "migrate": (),
    "seed": (),
    "token": ("--as", "ada@b.example"),
    "import": ("nothing.csv", "--mapping", EXAMPLE),
    "create-admin": ("--email", "ada@b.example", "--name", "Ada", "--password-stdin"),
}
WAITING = ("serve", "work", "schedule")
WITHOUT = ("schema",)
# Words of addresses that nobody may read.
USER, PASSWORD, DATABASE = "somebody", "hushed-up", "unheard_of"
FAILURES = {
    "unreachable": "connection refused",
    "wrong password": "the user or the password is refused",
    "unknown database": "there is no such database",
}


@pytest.fixture(scope="module")
async def strict() -> AsyncIterator[str]:
    """The address of a PostgreSQL that asks USER for a password, which is another one."""
    with tempfile.TemporaryDirectory(prefix="customer-flow-") as place:
        settings = Settings(data_dir=Path(place), redis_url="redis://127.0.0.1:1")
        async with embedded_servers(settings, durable=False, report=lambda _: None) as addresses:
            url = addresses.owner_url
            root = await asyncpg.connect(url, user="postgres")
            ask_for_a_password(Path(await root.fetchval("SHOW hba_file")))
            await root.execute(f"CREATE ROLE {USER} LOGIN PASSWORD 'another'")
            await root.execute("SELECT pg_reload_conf()")
            async with asyncio.timeout(60):
                while not await asks_for_a_password(url):  # noqa: ASYNC110 - it cannot set an event
                    await asyncio.sleep(0.02)
            await root.close()
            yield url


def ask_for_a_password(rules: Path) -> None:
    """The first rule that fits is the one that counts."""
    rules.write_text(f"local all {USER} scram-sha-256\n" + rules.read_text())


async def asks_for_a_password(url: str) -> bool:
    try:
        await asyncpg.connect(url, user=USER, password=PASSWORD)
    except asyncpg.InvalidPasswordError:
        return True
    except asyncpg.InvalidAuthorizationSpecificationError:
        return False  # the rules are not read again yet
    return False


@pytest.fixture
def address_of(strict: str) -> Callable[[str], str]:
    """An address that fails in one of the ways."""

    def of(failure: str) -> str:
        if failure == "unreachable":
            return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{free_port()}/{DATABASE}"
        if failure == "unknown database":
            return url_of(strict, DATABASE)
        return urlunsplit(urlsplit(strict)._replace(netloc=f"{USER}:{PASSWORD}@"))

    return of


class Run:
    """Commands as processes that are gone afterwards, whatever happens."""

    def __init__(self, place: Path) -> None:
        self._environment = {
            **{name: os.environ[name] for name in os.environ.keys() - {"DATABASE_READ_URL"}},
            "REDIS_URL": "redis://127.0.0.1:1",
            "CUSTOMER_FLOW_DATA_DIR": str(place / "data"),
            "PORT": str(free_port()),
        }
        self._places = {"NEW": str(place / "new"), "BACKUP": str(place / "backup")}
        a_backup(place / "backup")

    @asynccontextmanager
    async def begun(self, url: str, *arguments: str, **settings: str) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli"),
            *(self._places.get(part, part) for part in arguments),
            env=self._environment | {"DATABASE_URL": url} | settings,
            cwd=ROOT,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        try:
            async with asyncio.timeout(60):
                yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def __call__(self, url: str, *arguments: str, **settings: str) -> tuple[int, str, str]:
        """The exit code, and what was said on standard output and standard error."""
        async with self.begun(url, *arguments, **settings) as process:
            out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def refused(self, url: str, *arguments: str, **settings: str) -> str:
        """The one line that says why it cannot be done."""
        code, out, err = await self(url, *arguments, **settings)
        assert code in {1, 2}, err
        assert "Traceback" not in out + err
        assert err.count("\n") == 1, err
        return err


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


async def said(process: Process, what: str) -> str:
    """All that it says until it has said this."""
    text = ""
    assert process.stdout is not None
    while what not in text:
        line = await process.stdout.readline()
        assert line, f"it ended: {text}"
        text += line.decode()
    return text


def a_backup(place: Path) -> None:
    """One that is whole, as far as anybody can tell before it is brought in."""
    place.mkdir()
    dump = place / "database.dump"
    dump.write_bytes(b"rows")
    write(
        place,
        Note(
            kind=Kind.DUMP,
            taken_at="2026-01-01T00:00:00+00:00",
            product="0",
            revision=head(),
            digest=digest_of(dump),
        ),
    )


def test_no_command_is_left_out() -> None:
    group = typer.main.get_command(app)
    assert {*ENDING, *WAITING, *WITHOUT} == set(group.commands)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("command", ENDING)
async def test_a_command_that_ends_says_why_in_a_line(
    run: Run, address_of: Callable[[str], str], command: str, failure: str
) -> None:
    url = address_of(failure)
    said = await run.refused(url, command, *ENDING[command])
    assert "PostgreSQL cannot be reached at " in said
    assert FAILURES[failure] in said
    assert "DATABASE_URL" in said
    parts = urlsplit(url)
    assert (f"127.0.0.1:{parts.port}" if parts.hostname else "/postgresql:5432") in said
    assert not [word for word in (USER, PASSWORD, DATABASE) if word in said]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("command", WAITING)
async def test_a_command_that_stays_waits_until_it_is_told_to_stop(
    run: Run, address_of: Callable[[str], str], command: str, failure: str
) -> None:
    async with run.begun(address_of(failure), command) as process:
        # Twice: it has tried again.
        text = await said(process, FAILURES[failure]) + await said(process, FAILURES[failure])
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    text += out.decode() + err.decode()
    # Uvicorn ends itself with the signal that it was sent.
    assert process.returncode == (-signal.SIGTERM if command == "serve" else 0)
    assert "Traceback" not in text
    assert not [word for word in (USER, PASSWORD, DATABASE) if word in text]


@pytest.mark.parametrize("command", ["work", "schedule"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_at_once_while_nobody_answers(
    run: Run, command: str, number: signal.Signals
) -> None:
    called = asyncio.Event()

    async def keep_waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(keep_waiting, "127.0.0.1", 0)
    url = f"postgresql://a@127.0.0.1:{server.sockets[0].getsockname()[1]}/b"
    async with run.begun(url, command) as process:
        await called.wait()
        process.send_signal(number)
        async with asyncio.timeout(20):  # the driver would wait for a minute
            out, err = await process.communicate()
    assert process.returncode == 0
    assert "has stopped" in out.decode()
    assert err == b""
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("command", ["work", "schedule"])
async def test_it_begins_when_the_database_is_there(
    run: Run, servers: dict[str, str], command: str
) -> None:
    server, name = servers["database_url"], f"late_{uuid4().hex[:12]}"
    async with run.begun(url_of(server, name), command, REDIS_URL=servers["redis_url"]) as process:
        await said(process, "trying again")
        await administer(server, f"CREATE DATABASE {name} TEMPLATE {servers['template']}")
        await said(process, "is running")
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    await drop_database(server, name)


async def test_the_schema_needs_no_server(run: Run, address_of: Callable[[str], str]) -> None:
    code, _, err = await run(address_of("unreachable"), "schema", "--check")
    assert (code, err) == (0, "")


async def test_the_address_that_is_wrong_is_named(
    run: Run, address_of: Callable[[str], str], database_url: str
) -> None:
    away = address_of("unreachable")
    assert "correct DATABASE_READ_URL." in await run.refused(
        database_url, "seed", DATABASE_READ_URL=away
    )
    assert "correct DATABASE_MIGRATION_URL" in await run.refused(
        database_url, "migrate", DATABASE_MIGRATION_URL=away
    )


@pytest.mark.parametrize("command", ["seed", "token"])
async def test_a_database_that_was_never_migrated(
    run: Run, servers: dict[str, str], command: str
) -> None:
    async with own_database(servers, is_migrated=False) as url:
        said = await run.refused(url, command, *ENDING[command])
    assert said == "The database is not at this version: run `migrate` first.\n"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nonsense",), "Cannot migrate to nonsense: Can't locate revision"),
        (("--down", "nonsense"), "Cannot migrate to nonsense: Can't locate revision"),
        (("--down",), "--down needs a REVISION"),
    ],
)
async def test_a_revision_that_is_not_there_is_refused(
    run: Run, database_url: str, arguments: tuple[str, ...], reason: str
) -> None:
    assert (await run.refused(database_url, "migrate", *arguments)).startswith(reason)


async def test_a_mistake_of_ours_still_shows_where_it_is(run: Run, servers: dict[str, str]) -> None:
    async with own_database(servers) as url:
        await administer(url, "ALTER TABLE users RENAME TO people")
        code, _, err = await run(url, "token", "--as", "ada@b.example", SECRET_KEY="k" * 32)
    assert code == 1
    assert "Traceback" in err
    assert "UndefinedTableError" in err
