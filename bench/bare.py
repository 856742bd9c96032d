"""The baseline of reads: bare Starlette, asyncpg, and SQL written by hand that returns JSON.

No authentication, no permissions, no validation, no log: what answering costs at least. The same
uvicorn settings, pool size, driver caches and session settings as the product has.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

URL = "BENCH_DATABASE_URL"
POOL_SIZE = 10

# Ids as the product gives them out (app/domain/global_id.py), so that both answer the same data.
_CUSTOMER_ID = (
    r"translate(encode('\x4375'::bytea || uuid_send({row}.id), 'base64'), '+/', '-_') AS id"
)
_ENTRY_ID = (
    r"translate(encode('\x45'::bytea || uuid_send({row}.customer_id) || uuid_send({row}.id), "
    "'base64'), '+/', '-_') AS id"
)

CUSTOMER = f"""
SELECT row_to_json(customer)::text FROM (
    SELECT {_CUSTOMER_ID.format(row="c")}, c.code, c.business_name AS "businessName", c.email,
        c.status, c.currency, a.pending::text AS "pendingBalance",
        a.credit_limit::text AS "creditLimit"
    FROM customers c JOIN accounts a ON a.customer_id = c.id
    WHERE c.id = $1
) customer
"""

CUSTOMERS = f"""
SELECT json_build_object('nodes', coalesce(json_agg(row_to_json(customer)), '[]'))::text FROM (
    SELECT {_CUSTOMER_ID.format(row="c")}, c.code, c.business_name AS "businessName", c.status,
        c.currency, c.pending::text AS "pendingBalance",
        json_build_object('nodes', entries.nodes) AS "ledgerEntries"
    FROM (
        SELECT customers.*, accounts.pending
        FROM customers JOIN accounts ON accounts.customer_id = customers.id
        WHERE assigned_to = $1 AND status NOT IN ('DELETED', 'ARCHIVED')
        ORDER BY id LIMIT $2
    ) c, LATERAL (
        SELECT coalesce(json_agg(row_to_json(entry)), '[]') AS nodes FROM (
            SELECT {_ENTRY_ID.format(row="e")}, e.number, e.type, e.amount::text AS amount,
                coalesce(i.open_amount, 0.00)::text AS "openAmount", e.currency,
                e.transaction_date AS "transactionDate", e.due_date AS "dueDate", e.description
            FROM (
                SELECT * FROM ledger_entries
                WHERE customer_id = c.id ORDER BY id LIMIT $3
            ) e LEFT JOIN open_items i ON i.customer_id = e.customer_id AND i.entry_id = e.id
            ORDER BY e.id
        ) entry
    ) entries
    ORDER BY c.id
) customer
"""


async def customer(request: Request) -> Response:
    """/customer/{id}."""
    pool: asyncpg.Pool[asyncpg.Record] = request.app.state.pool
    found = await pool.fetchval(CUSTOMER, UUID(request.path_params["id"]))
    return Response(found, media_type="application/json")


async def customers(request: Request) -> Response:
    """/customers/{rep}/{first}/{entries}."""
    pool: asyncpg.Pool[asyncpg.Record] = request.app.state.pool
    given = request.path_params
    found = await pool.fetchval(
        CUSTOMERS, UUID(given["rep"]), int(given["first"]), int(given["entries"])
    )
    return Response(found, media_type="application/json")


async def _keep_session(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """No reset when a connection goes back, as in the product: a round trip saved."""


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    async with asyncpg.create_pool(
        os.environ[URL],
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        server_settings={"jit": "off", "timezone": "UTC"},
        statement_cache_size=1000,
        max_cached_statement_lifetime=0,
        reset=_keep_session,
    ) as pool:
        app.state.pool = pool
        yield


app = Starlette(
    routes=[
        Route("/customer/{id}", customer),
        Route("/customers/{rep}/{first}/{entries}", customers),
    ],
    lifespan=_lifespan,
)
