"""Books to post in, and the proof after every test that they are still right."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.infra.database import Database
from tests.factories import Books, open_books
from tests.invariants import broken


@pytest.fixture(scope="module")
async def books(database: Database) -> Books:
    """A controller in a database of this module's own, with 2026 open."""
    return await open_books(database)


@pytest.fixture(autouse=True)
async def invariants_hold(owner: "asyncpg.Connection[asyncpg.Record]") -> AsyncIterator[None]:
    yield
    assert await broken(owner) == {}
