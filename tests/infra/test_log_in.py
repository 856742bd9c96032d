"""A log-in that may do more than the programs need is noticed when they start."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from app.infra.database import APPLICATION_ROLE, READER_ROLE, Database
from app.infra.log_in import excess_of
from tests.conftest import administer

LOG_IN = "log_in_of_a_test"


def as_user(url: str, name: str) -> str:
    """The same database, for another log-in."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{name}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture
async def log_in(database_url: str) -> AsyncIterator[str]:
    """The address for a member of the application's roles, as the documentation makes one."""
    await administer(database_url, f"CREATE ROLE {LOG_IN} LOGIN")
    await administer(database_url, f"GRANT {APPLICATION_ROLE}, {READER_ROLE} TO {LOG_IN}")
    yield as_user(database_url, LOG_IN)
    await administer(database_url, f"DROP ROLE {LOG_IN}")


async def excess(url: str, read_url: str | None = None) -> str | None:
    database = Database(url, read_url=read_url, pool_size=1)
    await database.open()
    try:
        return await excess_of(database)
    finally:
        await database.close()


async def test_a_member_of_the_roles_has_no_more_than_it_needs(log_in: str) -> None:
    assert await excess(log_in) is None
    assert await excess(as_user(log_in, APPLICATION_ROLE), as_user(log_in, READER_ROLE)) is None


async def test_the_owner_is_noticed_for_either_pool(database_url: str, log_in: str) -> None:
    for urls in ((database_url, log_in), (log_in, database_url)):
        assert "owns the tables" in (await excess(*urls) or "")


async def test_who_may_become_the_owner_is_no_better(database_url: str, log_in: str) -> None:
    group = f"owner_of_{LOG_IN}"
    await administer(database_url, f"CREATE ROLE {group}")
    await administer(database_url, f"GRANT {group} TO {LOG_IN}")
    await administer(database_url, f"GRANT CREATE ON SCHEMA public TO {group}")
    await administer(database_url, f"ALTER TABLE teams OWNER TO {group}")
    assert "owns the tables" in (await excess(log_in) or "")
    await administer(database_url, f"REASSIGN OWNED BY {group} TO CURRENT_USER")
    await administer(database_url, f"DROP OWNED BY {group}")
    await administer(database_url, f"DROP ROLE {group}")
