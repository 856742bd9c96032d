"""Whether it lives, and what is missing before it can work."""

from pathlib import Path

import asyncpg
import httpx

from tests.http.calling import SomeSettings, served

ALL = ("database", "migrations", "policy", "writes", "redis")


async def test_all_is_there(http: httpx.AsyncClient) -> None:
    alive, ready = await http.get("/healthz"), await http.get("/readyz")

    assert (alive.status_code, ready.status_code) == (200, 200)
    assert alive.json() == {"status": "ok"}
    assert ready.json() == {**dict.fromkeys(ALL, "ok"), "missing": [], "degraded": []}
    assert ready.headers["cache-control"] == "no-store"


async def test_without_redis_it_is_ready_for_what_goes_without(
    settings_with: SomeSettings, tmp_path: Path
) -> None:
    async with served(settings_with(redis_url=f"unix://{tmp_path}/none.sock")) as http:
        alive, ready = await http.get("/healthz"), await http.get("/readyz")
        metrics = await http.get("/metrics")

    assert alive.status_code == ready.status_code == 200
    assert (ready.json()["missing"], ready.json()["degraded"]) == ([], ["redis"])
    assert ready.json()["redis"] == "does not answer"
    assert str(tmp_path) not in ready.text
    assert 'customer_flow_need_fulfilled{need="redis"} 0.0' in metrics.text
    assert 'customer_flow_need_fulfilled{need="writes"} 1.0' in metrics.text


async def test_a_database_that_takes_no_writes_is_ready_for_reading(
    settings_with: SomeSettings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        async with served(settings_with()) as http:
            ready = await http.get("/readyz")
    finally:
        await owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")

    assert ready.status_code == 200
    assert (ready.json()["missing"], ready.json()["degraded"]) == ([], ["writes"])
    assert ready.json()["writes"] == "takes no writes: it is read only"


async def test_without_a_database_everything_in_it_is_missing(
    settings_with: SomeSettings, tmp_path: Path
) -> None:
    nowhere = f"postgresql://nobody@/nothing?host={tmp_path}"
    async with served(settings_with(database_url=nowhere)) as http:
        ready = await http.get("/readyz")

    assert ready.status_code == 503
    assert ready.json()["missing"] == ["database", "migrations", "policy"]


async def test_a_database_that_is_behind_is_not_ready(
    http: httpx.AsyncClient, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    head = await owner.fetchval("SELECT version_num FROM alembic_version")
    await owner.execute("UPDATE alembic_version SET version_num = '0001'")
    behind = await http.get("/readyz")
    await owner.execute("UPDATE alembic_version SET version_num = $1", head)

    assert behind.status_code == 503
    assert behind.json()["missing"] == ["migrations"]
    assert behind.json()["migrations"] == f"at 0001, this program needs {head}"


async def test_a_policy_that_means_nothing_is_not_ready(
    settings_with: SomeSettings, owner: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await owner.execute(
        "INSERT INTO policy_rules (subject, object, action, scope, effect)"
        " VALUES ('NOBODY_AT_ALL', 'Customer', 'read', 'ALL', 'ALLOW')"
    )
    try:
        async with served(settings_with()) as http:
            ready = await http.get("/readyz")
    finally:
        await owner.execute("DELETE FROM policy_rules")

    assert ready.status_code == 503
    assert ready.json()["missing"] == ["policy"]
