"""Embedded servers: private, durable, alone on their directory, and back after any kill."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
import redis

from app.infra.embedded import (
    Addresses,
    DataDirectoryInUseError,
    EmbeddedServerError,
    connected,
    embedded_servers,
    running_addresses,
    system_user,
)
from app.infra.embedded.directories import prepare
from app.infra.embedded.processes import processes_of
from app.infra.settings import Settings

HOLD = Path(__file__).with_name("hold_servers.py")


@pytest.fixture
def data() -> Iterator[Path]:
    """Not pytest's own directory: as root, PostgreSQL's user could not reach into that."""
    place = Path(tempfile.mkdtemp(prefix="cf-test-", dir="/tmp"))
    yield place
    shutil.rmtree(place)


@asynccontextmanager
async def running(data: Path, *, durable: bool = True) -> AsyncIterator[Addresses]:
    async with embedded_servers(
        Settings(data_dir=data), durable=durable, report=lambda _: None
    ) as addresses:
        yield addresses


def hold(data: Path) -> tuple[subprocess.Popen[str], Addresses]:
    """A copy in another process, once its servers answer."""
    copy = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, str(HOLD), str(data)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert copy.stdout is not None
    line = copy.stdout.readline()
    assert line, "the copy did not start"
    return copy, Addresses(**json.loads(line))


def end(copy: subprocess.Popen[str], number: signal.Signals) -> int:
    copy.send_signal(number)
    copy.wait(30)
    assert copy.stdout is not None
    copy.stdout.close()
    return copy.returncode


async def sql(addresses: Addresses, query: str) -> Any:
    connection = await asyncpg.connect(addresses.owner_url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


def cache(addresses: Addresses) -> "redis.Redis":
    return redis.Redis.from_url(addresses.redis_url)


def servers_of(data: Path) -> list[int]:
    mark = prepare(data).mark
    return [*processes_of("postgres", mark), *processes_of("redis-server", mark)]


async def until_none_of(data: Path) -> None:
    async with asyncio.timeout(30):
        while servers_of(data):  # noqa: ASYNC110 - they are nobody's children to wait on
            await asyncio.sleep(0.05)


async def test_what_was_written_is_there_at_the_next_start(data: Path) -> None:
    async with running(data) as addresses:
        await sql(addresses, "CREATE TABLE kept AS SELECT 42 AS n")
        with cache(addresses) as client:
            client.set("kept", "43")
        assert await sql(addresses, "SELECT current_setting('fsync')") == "on"
        assert await sql(addresses, "SELECT current_setting('synchronous_commit')") == "on"
        assert await sql(addresses, "SELECT current_setting('TimeZone')") == "UTC"
    assert servers_of(data) == []
    async with running(data) as addresses:
        assert await sql(addresses, "SELECT n FROM kept") == 42
        with cache(addresses) as client:
            assert client.get("kept") == b"43"


async def test_the_database_is_what_migrations_expect(data: Path) -> None:
    async with running(data, durable=False) as addresses:
        version = await sql(addresses, "SHOW server_version_num")
        assert int(version) // 10_000 == 18
        assert await sql(addresses, "SELECT current_setting('fsync')") == "off"
        assert await sql(addresses, "SELECT current_setting('is_superuser')") == "off"
        collation = (
            "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = $$x$$"
        )
        await sql(addresses, "CREATE DATABASE x")
        assert await sql(addresses, collation) == "bC.UTF-8"
        for extension in ("pg_trgm", "btree_gist"):
            await sql(addresses, f"CREATE EXTENSION {extension}")
        assert await sql(addresses, "SELECT 'Αθηνα' <% 'αθηναϊκή αθηνα'"), "Greek has no letters"
        assert await sql(addresses, "SELECT count(*) > 0 FROM pg_stat_statements")
        await sql(addresses, "CREATE ROLE somebody NOLOGIN")
        await sql(addresses, "SET ROLE somebody")


async def test_only_this_user_and_root_get_in(data: Path) -> None:
    async with running(data, durable=False) as addresses:
        socket_directory = Path(parse_qs(urlsplit(addresses.database_url).query)["host"][0])
        assert mode_of(socket_directory) == 0o700
        redis_socket = Path(urlsplit(addresses.redis_url).path)
        assert mode_of(redis_socket.parent) == 0o700
        assert await sql(addresses, "SELECT current_setting('listen_addresses')") == ""
        with cache(addresses) as client:
            assert client.config_get("port") == {"port": "0"}
        for server in servers_of(data):
            assert tcp_sockets(server) == []
        assert running_addresses(data) == addresses
        assert mode_of(data / "addresses.json") == 0o600


def tcp_sockets(process_id: int) -> list[str]:
    """Inodes of the process's sockets that appear among the kernel's listening TCP sockets."""
    listening = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if Path(table).exists():
            rows = (line.split() for line in Path(table).read_text().splitlines()[1:])
            listening |= {row[9] for row in rows if row[3] == "0A"}
    held = set()
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            held.add(target[8:-1])
    return sorted(held & listening)


async def test_two_copies_run_side_by_side(data: Path) -> None:
    let_pass(data)
    async with running(data / "one", durable=False) as one:
        async with running(data / "two", durable=False) as two:
            await sql(one, "CREATE TABLE mine ()")
            assert await sql(two, "SELECT to_regclass('mine')") is None
            with cache(one) as first, cache(two) as second:
                first.set("mine", "1")
                assert second.get("mine") is None
        assert await sql(one, "SELECT 1") == 1, "stopping one leaves the other alone"


async def test_a_second_copy_on_the_same_directory_is_refused(data: Path) -> None:
    async with running(data, durable=False) as addresses:
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, str(HOLD), str(data)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        assert ended.returncode == 1
        assert f"(process {os.getpid()}) is using {data}" in ended.stderr
        assert "CUSTOMER_FLOW_DATA_DIR and PORT" in ended.stderr
        with pytest.raises(DataDirectoryInUseError):
            async with running(data):
                pass
        assert await sql(addresses, "SELECT 1") == 1, "the first one noticed nothing"


async def test_sigterm_ends_a_copy_cleanly(data: Path) -> None:
    copy, addresses = hold(data)
    assert running_addresses(data) == addresses
    assert end(copy, signal.SIGTERM) == 0
    assert servers_of(data) == []
    assert running_addresses(data) is None
    assert "database system is shut down" in (data / "postgresql.log").read_text()


async def test_a_killed_copy_takes_its_servers_along_and_starts_again(data: Path) -> None:
    copy, addresses = hold(data)
    await sql(addresses, "CREATE TABLE committed AS SELECT 1 AS n")
    assert end(copy, signal.SIGKILL) == -signal.SIGKILL
    async with running(data) as again:  # at once, while the old servers are still going down
        assert again == addresses
        assert await sql(again, "SELECT n FROM committed") == 1
    await until_none_of(data)


async def test_a_server_that_outlived_its_copy_is_stopped_first(data: Path) -> None:
    copy, _ = hold(data)
    postmaster = int((data_cluster(data) / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGSTOP)  # it cannot obey the signal of its starter's death
    end(copy, signal.SIGKILL)
    assert postmaster in servers_of(data)
    said: list[str] = []

    async def start() -> Any:
        async with embedded_servers(Settings(data_dir=data), report=said.append) as addresses:
            return await sql(addresses, "SELECT 1")

    starting = asyncio.create_task(start())
    await asyncio.sleep(0.3)
    assert not starting.done()
    os.kill(postmaster, signal.SIGCONT)
    assert await starting == 1
    assert any("left behind" in message for message in said)
    assert postmaster not in servers_of(data)


async def test_a_killed_server_is_started_again(data: Path) -> None:
    async with running(data) as addresses:
        await sql(addresses, "CREATE TABLE committed AS SELECT 1 AS n")
        postmaster = int((data_cluster(data) / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        with cache(addresses) as client:
            os.kill(client.info("server")["process_id"], signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            try:
                assert await sql(addresses, "SELECT n FROM committed") == 1
                with cache(addresses) as client:
                    assert client.ping()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, redis.RedisError):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            else:
                break
    await until_none_of(data)


async def test_a_lock_file_that_names_a_stranger_is_no_obstacle(data: Path) -> None:
    async with running(data, durable=False):
        lock = (data_cluster(data) / "postmaster.pid").read_text()
    _, _, rest = lock.partition("\n")
    (data_cluster(data) / "postmaster.pid").write_text(f"{os.getpid()}\n{rest}")
    async with running(data, durable=False) as addresses:
        assert await sql(addresses, "SELECT 1") == 1


async def test_half_a_cluster_is_made_anew(data: Path) -> None:
    (data / "postgresql.new" / "base").mkdir(parents=True)
    async with running(data, durable=False) as addresses:
        assert await sql(addresses, "SELECT 1") == 1


# What is written at a start; the kernel has a file whose disk is always full.
@pytest.mark.parametrize("written", ["addresses.json.new", "postgresql/pg_hba.conf"])
async def test_a_full_disk_is_told_as_what_it_is(data: Path, written: str) -> None:
    async with running(data, durable=False):
        pass
    file = data_cluster(data) / "pg_hba.conf" if "pg_hba" in written else data / written
    file.unlink(missing_ok=True)
    file.symlink_to("/dev/full")
    with pytest.raises(EmbeddedServerError, match=r"No space left on device\. Make room there"):
        async with running(data, durable=False):
            pass
    assert servers_of(data) == []
    file.unlink()
    async with running(data, durable=False) as addresses:
        assert await sql(addresses, "SELECT 1") == 1


async def test_what_could_not_be_started_for_want_of_room_starts_when_there_is_some(
    data: Path,
) -> None:
    async with running(data) as addresses:
        rules = data_cluster(data) / "pg_hba.conf"
        rules.unlink()
        rules.symlink_to("/dev/full")
        postmaster = int((data_cluster(data) / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        await asyncio.sleep(1.5)
        rules.unlink()
        async with asyncio.timeout(30):
            while True:
                try:
                    assert await sql(addresses, "SELECT 1") == 1
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(0.1)
                else:
                    break


async def test_a_cluster_of_another_version_is_refused_with_advice(data: Path) -> None:
    async with running(data, durable=False):
        pass
    (data_cluster(data) / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 17.*Dump it"):
        async with running(data, durable=False):
            pass
    assert servers_of(data) == []


async def test_a_path_too_long_for_a_socket_still_works(data: Path) -> None:
    let_pass(data)
    deep = data / ("long" * 30)
    async with running(deep, durable=False) as addresses:
        assert await sql(addresses, "SELECT 1") == 1
        with cache(addresses) as client:
            assert client.ping()
        sockets = prepare(deep).run
    assert not sockets.is_relative_to(deep)
    assert mode_of(sockets / "postgresql") == 0o700
    shutil.rmtree(sockets)


async def test_a_command_uses_the_running_copy_or_starts_what_is_there(data: Path) -> None:
    settings = Settings(data_dir=data)
    async with running(data, durable=False) as addresses:
        before = len(processes_of("redis-server", prepare(data).mark))
        async with connected(settings) as known:
            assert known.database_url == addresses.database_url
            assert known.database_migration_url == addresses.database_migration_url
            assert known.database_read_url == addresses.database_read_url
            assert len(processes_of("redis-server", prepare(data).mark)) == before
    assert servers_of(data) == []
    async with connected(settings) as known:
        assert known.database_url == addresses.database_url
        assert servers_of(data) != []
    assert servers_of(data) == []


async def test_given_addresses_start_nothing(data: Path) -> None:
    settings = Settings(
        data_dir=data / "untouched",
        database_url="postgresql://somebody@db/ledger",
        redis_url="redis://cache",
    )
    async with embedded_servers(settings) as addresses:
        assert addresses.database_url == "postgresql://somebody@db/ledger"
        assert addresses.redis_url == "redis://cache"
    assert not (data / "untouched").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
async def test_root_keeps_the_cluster_elsewhere_rather_than_open_a_closed_directory(
    data: Path,
) -> None:
    home = data / "home"
    home.mkdir(mode=0o700)
    place = home / "project" / ".data"
    said: list[str] = []
    async with embedded_servers(
        Settings(data_dir=place), durable=False, report=said.append
    ) as addresses:
        assert await sql(addresses, "SELECT 1") == 1
        cluster = data_cluster(place)
    assert mode_of(home) == 0o700
    assert cluster.is_relative_to(system_user.EXTERNAL_HOME)
    assert pwd.getpwuid(cluster.stat().st_uid).pw_name == system_user.SYSTEM_USER
    assert any(str(cluster) in message for message in said)
    async with running(place, durable=False) as addresses:
        assert data_cluster(place) == cluster
    shutil.rmtree(cluster.parent)
    with pytest.raises(EmbeddedServerError, match="which is gone"):
        async with running(place, durable=False):
            pass


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def let_pass(parent: Path) -> None:
    """Let PostgreSQL's user through to the data directories inside."""
    parent.chmod(0o711)


def data_cluster(data: Path) -> Path:
    return (data / "postgresql").resolve()
