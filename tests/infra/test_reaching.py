"""What is told of a PostgreSQL that cannot be used, and what never is."""

import errno
import socket

import asyncpg
import pytest

from app.infra.database import Database
from app.infra.reaching import NotReady, reaching
from app.infra.settings import SettingsError

REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('10.0.0.1', 5432)")
ADDRESS = "postgresql://me:secret@db.example:6543/books"


def told(error: Exception, url: str = ADDRESS) -> str:
    with pytest.raises(NotReady) as raised, reaching(url, "DATABASE_URL"):
        raise error
    return str(raised.value)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (REFUSED, "connection refused. Start it, or correct DATABASE_URL."),
        (socket.gaierror(-2, "x"), "there is no such host. Correct DATABASE_URL."),
        (TimeoutError(), "it does not answer. Start it, or correct DATABASE_URL."),
        (
            asyncpg.InvalidPasswordError('password authentication failed for user "me"'),
            "the user or the password is refused. Correct DATABASE_URL.",
        ),
        (
            asyncpg.InvalidCatalogNameError('database "books" does not exist'),
            "there is no such database. Create it, or correct DATABASE_URL.",
        ),
        (asyncpg.CannotConnectNowError("starting"), "it is starting or stopping. Try again."),
        (
            asyncpg.ProtocolError("books"),
            "ProtocolError. Start it, or correct DATABASE_URL.",
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_failure_is_one_line(error: Exception, reason: str) -> None:
    assert told(error) == f"PostgreSQL cannot be reached at db.example:6543: {reason}"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://me:secret@db.example/books", " at db.example"),
        ("postgresql://me:sec@ret@[::1]:6543/books", " at [::1]:6543"),
        ("postgresql://me:secret@one:1,two:2/books", " at one:1,two:2"),
        ("postgresql://me:secret@/books?host=/run/pg&port=6543", " at /run/pg:6543"),
        ("postgresql:///books", ""),
        # Not escaped, and then the host is taken for something else.
        ("postgresql://me:12/secret@db.example/books", ""),
        ("postgresql://me:12#secret@db.example/books", ""),
        ("postgresql://me:12?secret@db.example/books", ""),
        ("postgresql://me:a@se/cret@db.example/books", ""),
    ],
)
def test_of_the_address_only_host_and_port_are_told(url: str, place: str) -> None:
    assert told(REFUSED, url).startswith(f"PostgreSQL cannot be reached{place}: connection")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@db.example:port/books",
        "postgresql://me:se/cret@db.example/books",
        "postgresql://me:secret@[::1/books",
        "postgresql://me:secret@127.0.0.1:1/books?sslmode=secret",
    ],
)
async def test_what_is_no_address_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        await Database(url).open()
    assert str(raised.value) == "DATABASE_URL: cannot be read as a postgresql:// address"


def test_a_mistake_of_ours_stays_one() -> None:
    with pytest.raises(KeyError), reaching(ADDRESS, "DATABASE_URL"):
        raise KeyError
