"""PostgreSQL through asyncpg: two pools, one transaction at a time, statements compiled once.

The `write` pool acts as the role that may append to the ledger; the `read` pool as one that can
only select, and only what a reader may see. Statements are SQLAlchemy Core or `text()`, compiled
to the driver's dialect when the module that declares them is imported, never per request.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Executable
from sqlalchemy.dialects.postgresql.asyncpg import dialect as AsyncpgDialect  # noqa: N812 - it is a class

from app.infra.admission import Admission, Share
from app.infra.connection import Connection, ConnectionLost, is_there, keep_alive
from app.infra.patience import ANSWERING, Patience
from app.infra.reaching import reaching
from app.infra.read_pool import ReadPool

APPLICATION_ROLE = "customer_flow_app"
READER_ROLE = "customer_flow_read"
MAX_ATTEMPTS = 5
CONNECT_SECONDS = 5.0

RESERVED_PLACES = 2
CUSTOMERS_AT_ONCE = 4
MOST_OF_USER = 300
MOST_OF_CUSTOMER = 50
"""So many wait at most, for one user and for one customer."""

_RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
_DIALECT = AsyncpgDialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
_RENDERED = {"render_postcompile": True}

T = TypeVar("T")
Row = Mapping[str, Any]
"""A row by column name; the driver's own record behind it also takes positions."""


class Statement:
    """A clause compiled once: SQL with `$n` placeholders and the names to bind, in order."""

    __slots__ = ("defaults", "names", "sql")

    def __init__(self, clause: Executable) -> None:
        compiled = clause.compile(dialect=_DIALECT, compile_kwargs=_RENDERED)  # type: ignore[attr-defined] # every Executable is a ClauseElement
        self.sql: str = compiled.string
        self.names: tuple[str, ...] = tuple(compiled.positiontup or ())
        self.defaults: Mapping[str, Any] = {
            name: bind.value for name, bind in compiled.binds.items() if not bind.required
        }

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional arguments for `values`; a KeyError names a bind nobody gave."""
        defaults = self.defaults
        return [values[name] if name in values else defaults[name] for name in self.names]


class Transaction:
    """One open transaction. Only the edge that opened it commits."""

    __slots__ = ("connection",)

    def __init__(self, connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> None:
        self.connection = connection

    async def fetch(self, statement: Statement, **values: Any) -> list[Row]:
        """Every row."""
        rows = await self.connection.fetch(statement.sql, *statement.arguments(values))
        return cast("list[Row]", rows)

    async def fetchrow(self, statement: Statement, **values: Any) -> Row | None:
        """The first row, or None."""
        row = await self.connection.fetchrow(statement.sql, *statement.arguments(values))
        return cast("Row | None", row)

    async def fetchval(self, statement: Statement, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return await self.connection.fetchval(statement.sql, *statement.arguments(values))

    async def execute(self, statement: Statement, **values: Any) -> str:
        """Run for effect; returns PostgreSQL's command tag."""
        tag = await self.connection.execute(statement.sql, *statement.arguments(values))
        return str(tag)

    async def plan_by_values(self) -> None:
        """From here on, plan each statement for the values it is given.

        For work on many rows at a time, whose best plan depends on how many and which; everything
        else runs plans that are made once a connection and suit all values.
        """
        await self.connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")

    async def execute_many(self, statement: Statement, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run for effect once per row, in one round trip."""
        await self.connection.executemany(statement.sql, [statement.arguments(row) for row in rows])


class Interrupted(Exception):
    """PostgreSQL has ended a transaction's statement, by its time or by hand: nothing is done."""


class Rollback(Exception):
    """Raised inside a transaction to undo it and hand `result` to the caller."""

    def __init__(self, result: Any) -> None:
        super().__init__("rolled back on purpose")
        self.result = result


class Database:
    """The two pools. A composition root opens and closes them; the whole process shares them."""

    def __init__(
        self,
        url: str,
        *,
        read_url: str | None = None,
        pool_size: int = 10,
        time_zone: str = "UTC",
        patience: Patience = ANSWERING,
    ) -> None:
        self._url = url
        self._read_url = read_url
        self._pool_size = pool_size
        self._patience = patience
        # What `company_today()` goes by: the day in accounting is told by PostgreSQL's clock.
        self._company = {"customer_flow.time_zone": time_zone}
        self._write: asyncpg.Pool[asyncpg.Record] | None = None
        self._read: ReadPool | None = None
        self._admission = Admission(pool_size, patience.place)

    async def open(self) -> None:
        """Connect both pools, or none. Raises NotReady."""
        self._write = await _pool(
            self._url,
            "DATABASE_URL",
            self._pool_size,
            self._patience,
            {
                **self._company,
                "role": APPLICATION_ROLE,
                "application_name": "customer-flow",
                "jit": "off",
                # Left to itself PostgreSQL plans the statements of a posting anew each time, which
                # takes longer than running them. See `plan_by_values`.
                "plan_cache_mode": "force_generic_plan",
            },
        )
        try:
            self._read = ReadPool(await self._new_read_pool(), self._pool_size, self._patience)
        except BaseException:
            await self.close()
            raise

    async def _new_read_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        return await _pool(
            self._read_url or self._url,
            "DATABASE_READ_URL" if self._read_url else "DATABASE_URL",
            self._pool_size,
            self._patience,
            {
                **self._company,
                "role": READER_ROLE,
                "application_name": "customer-flow read",
                "default_transaction_read_only": "on",
                "jit": "off",
            },
        )

    async def close(self) -> None:
        """Wait for what is running, then disconnect."""
        for pool in (self._read, self._write):
            if pool is not None:
                await pool.close()
        self._read = self._write = None

    @property
    def read_pool(self) -> ReadPool:
        """For single read statements outside any transaction."""
        if self._read is None:
            raise RuntimeError("the database is not open")
        return self._read

    @property
    def write_pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        """For what cannot run in a `Transaction`: LISTEN, advisory session locks."""
        if self._write is None:
            raise RuntimeError("the database is not open")
        return self._write

    @property
    def waiting(self) -> int:
        """Transactions that wait for a place."""
        return self._admission.waiting

    def share_of_user(self, user_id: UUID) -> Share:
        """Nearly all of the places: what is left is for everybody else."""
        return Share(("user", user_id), max(1, self._pool_size - RESERVED_PLACES), MOST_OF_USER)

    def share_of_customer(self, customer_id: UUID) -> Share:
        """Postings to one account go one after the other: more than a few only wait."""
        share = max(1, self._pool_size // CUSTOMERS_AT_ONCE)
        return Share(("customer", customer_id), share, MOST_OF_CUSTOMER)

    @asynccontextmanager
    async def transaction(self, *shares: Share) -> AsyncIterator[Transaction]:
        """One transaction that commits at the end of the block, or rolls back if it raises.

        It has one of the places of these shares. Raises ConnectionLost and Overloaded.
        """
        await self._admission.enter(shares)
        try:
            connection = await self._borrowed()
            try:
                async with _committed(connection):
                    yield Transaction(connection)
            except ConnectionLost:
                # What made one connection silent has most likely done so to all of them.
                await self.write_pool.expire_connections()
                raise
            finally:
                await self.write_pool.release(connection)
        finally:
            self._admission.leave(shares)

    async def _borrowed(self) -> "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]":
        """A connection that answers; those that do not any more are replaced."""
        pool = self.write_pool
        for _ in range(self._pool_size + 1):
            connection = await pool.acquire(timeout=self._patience.place)
            if await is_there(connection):
                return connection
            await pool.release(connection)
            await pool.expire_connections()
        raise ConnectionLost

    async def run(self, work: Callable[[Transaction], Awaitable[T]], *shares: Share) -> T:
        """Commit `work` as a whole; repeat the whole on deadlock or serialization failure.

        At most `MAX_ATTEMPTS` times, with jitter. `Rollback` undoes everything and returns its
        result. Raises ConnectionLost, Overloaded and Interrupted.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                async with self.transaction(*shares) as tx:
                    return await work(tx)
            except Rollback as rollback:
                return rollback.result  # type: ignore[no-any-return]
            except asyncpg.QueryCanceledError as error:
                raise Interrupted from error
            except _RETRIED:
                if attempt == MAX_ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0.5, 1.5) * 0.01 * 2**attempt)  # noqa: S311 - jitter
        raise AssertionError("unreachable: the last attempt returns or raises")


@asynccontextmanager
async def _committed(
    connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]",
) -> AsyncIterator[None]:
    try:
        async with connection.transaction():
            yield
    except asyncpg.InterfaceError as error:
        # Leaving a transaction whose connection has gone, the driver hides why it raised.
        if _is_closed(connection):
            raise ConnectionLost from error
        raise


async def _pool(
    url: str, setting: str, size: int, patience: Patience, server_settings: dict[str, str]
) -> "asyncpg.Pool[asyncpg.Record]":
    async def begin(connection: Any) -> None:
        connection.silence_seconds = patience.silence
        await keep_alive(connection)

    with reaching(url, setting):
        return await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=size,
            timeout=CONNECT_SECONDS,
            connection_class=Connection,
            init=begin,
            server_settings={"timezone": "UTC", **patience.settings(), **server_settings},
            statement_cache_size=300,
            max_cacheable_statement_size=64 * 1024,
            max_cached_statement_lifetime=0,
            reset=_keep_session,
        )


def _is_closed(connection: "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]") -> bool:
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True  # the pool has given it up before we could


async def _keep_session(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No session state is changed on a pooled connection, so none is reset: one trip saved."""
