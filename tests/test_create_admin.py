"""`customer-flow create-admin` as an operator runs it, and the log-in that it makes possible."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from app.infra import migrate
from app.infra.database import Database
from app.infra.settings import Settings
from app.services import demo
from tests.conftest import ROOT, administer, drop_database, own_database, url_of
from tests.http.calling import SECRET, Client, served
from tests.services.auth.issuer import AUDIENCE, RSA, Issuer, public
from tests.waiting import until_waiting

Owner = asyncpg.Connection
PASSWORD = "correct horse battery staple"
EMAIL = "Ada@b.example"
WHO = ("--email", EMAIL, "--name", "Ada First")
CONSOLE_SCRIPT = Path(sys.executable).with_name("customer-flow")
# Runs a command on a terminal of its own, and passes on what is said there and typed here.
ON_A_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
ISSUED = {
    "OIDC_ISSUER": "https://issuer.example",
    "OIDC_AUDIENCE": AUDIENCE,
    "OIDC_JWKS_URL": "https://issuer.example/keys",
}


@pytest.fixture
async def database_url(servers: dict[str, str]) -> AsyncIterator[str]:
    """Nobody is in it yet."""
    async with own_database(servers) as url:
        yield url


@pytest.fixture
async def owner(database_url: str) -> AsyncIterator[Owner]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


class Command:
    """The console script against this test's database."""

    def __init__(self, database_url: str, redis_url: str, place: Path) -> None:
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CUSTOMER_FLOW_DATA_DIR": str(place / "data"),
            "SECRET_KEY": SECRET,
            "LOG_LEVEL": "debug",
        }

    async def start(
        self, *arguments: str, program: tuple[str, ...] = (), **settings: str
    ) -> Process:
        return await asyncio.create_subprocess_exec(
            *(*program, str(CONSOLE_SCRIPT), "create-admin", *arguments),
            env=self.environment | settings,
            cwd=ROOT,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
        )

    async def __call__(
        self, *arguments: str, typed: str | bytes = PASSWORD + "\n", **settings: str
    ) -> tuple[int | None, str]:
        """The exit code, and all that it said."""
        process = await self.start(*arguments, **settings)
        said, _ = await process.communicate(typed if isinstance(typed, bytes) else typed.encode())
        return process.returncode, said.decode()

    async def refused(self, *arguments: str, typed: str | bytes = PASSWORD, **settings: str) -> str:
        code, said = await self(*arguments, typed=typed, **settings)
        assert code == 1
        assert "Traceback" not in said
        assert PASSWORD not in said
        return said


@pytest.fixture
def command(database_url: str, redis_url: str, tmp_path: Path) -> Command:
    return Command(database_url, redis_url, tmp_path)


async def everything(owner: Owner) -> list[Any]:
    """Who is there, and what is known of how they came."""
    return [
        *await owner.fetch("SELECT * FROM users ORDER BY id"),
        *await owner.fetch("SELECT * FROM audit_events ORDER BY id"),
    ]


async def add(owner: Owner, email: str, *, role: str = "ADMIN", is_active: bool = True) -> None:
    await owner.execute(
        "INSERT INTO users (email, name, roles, is_active) VALUES ($1, 'Somebody', $2, $3)",
        email,
        [role],
        is_active,
    )


def settings_of(command: Command, **given: Any) -> Settings:
    names = ("database_url", "redis_url", "secret_key")
    return Settings(
        data_dir=Path(command.environment["CUSTOMER_FLOW_DATA_DIR"]),
        **{name: command.environment[name.upper()] for name in names},
        **given,
    )


async def log_in(command: Command, email: str, password: str) -> dict[str, Any]:
    """What the API server answers, over GraphQL."""
    async with served(settings_of(command)) as http:
        text = """mutation($input: LoginInput!) { login(input: $input) {
            viewer { roles user { email name } } userErrors { code } } }"""
        reply = await Client(http, None).ask(text, input={"email": email, "password": password})
        return reply.json()["data"]["login"]


async def test_whom_it_makes_can_log_in_as_an_administrator(command: Command) -> None:
    code, said = await command(*WHO, "--password-stdin")
    assert (code, said) == (0, f"Made {EMAIL} an administrator.\n")
    assert await log_in(command, EMAIL.lower(), PASSWORD) == {
        "viewer": {"roles": ["ADMIN"], "user": {"email": EMAIL, "name": "Ada First"}},
        "userErrors": [],
    }
    assert (await log_in(command, EMAIL, PASSWORD + "x"))["userErrors"] == [{"code": "FORBIDDEN"}]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
async def test_the_end_of_the_line_is_no_part_of_the_password(
    command: Command, ending: str
) -> None:
    code, _ = await command(*WHO, "--password-stdin", typed=f" {PASSWORD} {ending}")
    assert code == 0
    assert (await log_in(command, EMAIL, f" {PASSWORD} "))["userErrors"] == []


async def test_the_trail_says_that_nobody_we_know_did_it(command: Command, owner: Owner) -> None:
    await command(*WHO, "--password-stdin")
    user_id = await owner.fetchval("SELECT id FROM users")
    (event,) = await owner.fetch("SELECT * FROM audit_events")
    assert (event["action"], event["outcome"], event["request_id"], event["actor_id"]) == (
        "createAdmin",
        "DONE",
        "customer-flow create-admin",
        None,
    )
    assert (event["subject_type"], event["subject_id"]) == ("User", user_id)
    assert orjson.loads(event["after"]) == {
        "roles": ["ADMIN"],
        "team": None,
        "isActive": True,
        "emailChanged": True,
        "nameChanged": True,
        "passwordChanged": True,
    }


async def typing(process: Process, *lines: tuple[str, str]) -> str:
    """What is shown while somebody answers these prompts with these lines."""
    shown = b""
    try:
        async with asyncio.timeout(60):
            for prompt, line in lines:
                shown += await process.stdout.readuntil(f"{prompt}: ".encode())
                process.stdin.write(f"{line}\n".encode())
            shown += (await process.communicate())[0]
    finally:
        if process.returncode is None:
            process.kill()
    return shown.decode()


async def test_a_prompt_asks_twice_and_shows_nothing(command: Command) -> None:
    process = await command.start(*WHO, program=(sys.executable, "-c", ON_A_TERMINAL))
    first, again = "Password", "Repeat for confirmation"
    shown = await typing(
        process, (first, PASSWORD), (again, PASSWORD + "x"), (first, PASSWORD), (again, PASSWORD)
    )
    assert process.returncode == 0, shown
    assert "do not match" in shown
    assert "Made Ada@b.example an administrator" in shown
    assert PASSWORD not in shown
    assert (await log_in(command, EMAIL, PASSWORD))["userErrors"] == []


async def test_without_a_terminal_it_does_not_ask(command: Command, owner: Owner) -> None:
    assert "--password-stdin" in await command.refused(*WHO)
    assert await everything(owner) == []


async def test_a_password_has_no_place_on_the_command_line(command: Command, owner: Owner) -> None:
    for option in ("--password", "--pass", "-p"):
        code, _ = await command(*WHO, option, PASSWORD)
        assert code == 2
    code, _ = await command(*WHO, f"--password-stdin={PASSWORD}")
    assert code == 2
    assert await everything(owner) == []


@pytest.mark.parametrize(
    ("arguments", "typed", "reason"),
    [
        (WHO, "", "password: A password has 12 to 200 characters."),
        (WHO, "\n", "password: A password has 12 to 200 characters."),
        (WHO, "too short\n", "password: A password has 12 to 200 characters."),
        (WHO, "x" * 201, "password: A password has 12 to 200 characters."),
        (WHO, "x" * 100_000, "password: A password has 12 to 200 characters."),
        (WHO, f"{PASSWORD}\n{PASSWORD}\n", "password: A password cannot hold control characters."),
        (WHO, b"correct horse \xff\xfe battery", "password: This is not UTF-8."),
        (("--email", "ada", "--name", "Ada"), PASSWORD, "email: This is not an e-mail address."),
        (("--email", " ", "--name", "Ada"), PASSWORD, "email: This text must not be blank."),
        (("--email", EMAIL, "--name", ""), PASSWORD, "name: This text must not be blank."),
    ],
)
async def test_what_no_user_may_have_is_refused(
    command: Command, owner: Owner, arguments: tuple[str, ...], typed: str | bytes, reason: str
) -> None:
    assert await command.refused(*arguments, "--password-stdin", typed=typed) == f"{reason}\n"
    assert await everything(owner) == []


async def test_an_email_that_somebody_has_is_refused(command: Command, owner: Owner) -> None:
    await add(owner, EMAIL.upper(), role="SUPPORT")
    before = await everything(owner)
    said = await command.refused(*WHO, "--password-stdin")
    assert said == "email: Another user has this e-mail.\n"
    assert await everything(owner) == before


async def test_with_an_administrator_it_wants_to_be_told(command: Command, owner: Owner) -> None:
    await add(owner, "first@b.example")
    before = await everything(owner)
    assert "--another" in await command.refused(*WHO, "--password-stdin")
    assert await everything(owner) == before
    assert (await command(*WHO, "--password-stdin", "--another"))[0] == 0
    assert await owner.fetchval("SELECT count(*) FROM users") == 2


async def test_who_is_suspended_or_no_administrator_does_not_count(
    command: Command, owner: Owner
) -> None:
    await add(owner, "suspended@b.example", is_active=False)
    await add(owner, "controller@b.example", role="CONTROLLER")
    assert (await command(*WHO, "--password-stdin"))[0] == 0


async def test_of_two_at_once_one_is_first(command: Command, owner: Owner) -> None:
    # Both stand before the lock that this test holds, having seen no administrator.
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("SELECT pg_advisory_xact_lock(7220, 3)")
    both = [
        asyncio.create_task(command("--email", email, "--name", "Ada", "--password-stdin"))
        for email in ("one@b.example", "two@b.example")
    ]
    await asyncio.wait_for(until_waiting(owner, *both), 60)
    await transaction.rollback()
    assert sorted([code for code, _ in await asyncio.gather(*both)]) == [0, 1]
    assert await owner.fetchval("SELECT count(*) FROM users") == 1


async def test_with_an_outside_issuer_there_is_no_password(command: Command, owner: Owner) -> None:
    issuer = Issuer(keys=[public(RSA)])
    server = await asyncio.start_server(issuer.answer, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    given = {
        "oidc_issuer": issuer.url,
        "oidc_audience": AUDIENCE,
        "oidc_jwks_url": f"{issuer.url}/keys",
    }
    settings = {name.upper(): value for name, value in given.items()}
    # Nothing is asked, and nothing is read.
    assert (await command(*WHO, typed="", **settings))[0] == 0
    assert await owner.fetchval("SELECT password_hash IS NULL FROM users")
    after = orjson.loads(await owner.fetchval("SELECT after FROM audit_events"))
    assert after["passwordChanged"] is False
    async with served(settings_of(command, **given)) as http:
        client = Client(http, issuer.token({"email": EMAIL}))
        reply = await client.ask("{ viewer { roles user { email } } }")
    assert reply.json()["data"]["viewer"] == {"roles": ["ADMIN"], "user": {"email": EMAIL}}
    server.close()
    await server.wait_closed()


async def test_with_an_outside_issuer_a_password_is_refused(command: Command, owner: Owner) -> None:
    said = await command.refused(*WHO, "--password-stdin", **ISSUED)
    assert said.startswith("password: OIDC_ISSUER is set")
    assert await everything(owner) == []


async def test_a_database_that_is_not_migrated_is_named(
    command: Command, servers: dict[str, str], redis_url: str, tmp_path: Path, owner: Owner
) -> None:
    await asyncio.to_thread(migrate.downgrade, command.environment["DATABASE_URL"], "-1")
    said = await command.refused(*WHO, "--password-stdin")
    assert said == "The database is not at this version: run `migrate` first.\n"
    assert await everything(owner) == []
    # Of one that was never migrated, too, and of one that is not there.
    empty = f"empty_{uuid4().hex[:12]}"
    url = url_of(servers["database_url"], empty)
    other = Command(url, redis_url, tmp_path)
    assert "cannot be reached" in await other.refused(*WHO, "--password-stdin")
    await administer(servers["database_url"], f"CREATE DATABASE {empty}")
    assert "run `migrate` first" in await other.refused(*WHO, "--password-stdin")
    await drop_database(servers["database_url"], empty)


async def test_after_it_no_demo_data_come(command: Command) -> None:
    await command(*WHO, "--password-stdin")
    database = Database(command.environment["DATABASE_URL"], pool_size=2)
    await database.open()
    try:
        assert not await demo.seed(database)
    finally:
        await database.close()
