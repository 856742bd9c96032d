"""An embedded PostgreSQL 18: made, started, and stopped by us; reached over a private socket."""

import asyncio
import locale
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import asyncpg

from app.infra.database import APPLICATION_ROLE, READER_ROLE
from app.infra.embedded import processes, system_user
from app.infra.embedded.directories import Directories, draft_of, set_aside
from app.infra.embedded.processes import EmbeddedServerError
from app.infra.embedded.programs import server_programs

MAJOR_VERSION = "18"
DATABASE = "customer_flow"
OWNER = "customer_flow"
SUPERUSER = "postgres"
UNICODE = "C.UTF-8"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOG_LIMIT_BYTES = 5_000_000

SERVER_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "wal_compression": "on",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "shared_preload_libraries": "pg_stat_statements",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # A failed statement and its row would write customers' data into the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_lock_waits": "on",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """The server of one data directory. The caller holds the directory's lock throughout."""

    name = "PostgreSQL"

    def __init__(
        self, directories: Directories, *, durable: bool, report: Callable[[str], None]
    ) -> None:
        self._directories = directories
        self._durable = durable
        self._report = report
        self._log = directories.data / "postgresql.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for the application, which may append to the ledger and owns nothing."""
        return self._url(APPLICATION_ROLE, DATABASE)

    @property
    def read_url(self) -> str:
        """Address for who only reads."""
        return self._url(READER_ROLE, DATABASE)

    @property
    def owner_url(self) -> str:
        """Address for the owner of the product's database: for migrations, and nothing else."""
        return self._url(OWNER, DATABASE)

    def has_ended(self) -> bool:
        """Whether a started server is gone without having been told to stop."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Run and answer, with the product's role and database in place."""
        directories = self._directories
        left = await processes.end_leftovers(
            "postgres", directories.mark, signal.SIGINT, STOP_SECONDS
        )
        if left:
            self._report("Stopped a PostgreSQL that an earlier, killed start had left behind")
        programs = await asyncio.to_thread(server_programs, directories.server_user)
        aside = set_aside(directories.cluster)
        if not directories.cluster.exists() and aside.exists():
            aside.rename(directories.cluster)
            self._report("Took up the cluster that an interrupted restore had set aside")
        if not (directories.cluster / "PG_VERSION").exists():
            self._report(f"Making a PostgreSQL {MAJOR_VERSION} cluster in {directories.cluster}")
            await self._initialise(programs)
        self._check_version()
        self._write_access_rules()
        self._remove_stale_files()
        await self._launch(programs)
        await self._ensure_database()

    async def stop(self) -> None:
        """A clean shutdown; open transactions are rolled back. Nothing when not started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        ended_by = await processes.stop(
            process, (signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0)
        )
        if ended_by is signal.SIGKILL:
            await processes.end_leftovers("postgres", self._directories.mark, signal.SIGKILL, 5.0)

    async def _initialise(self, programs: Path) -> None:
        """Make the cluster under another name and rename it, so that half of one is never used."""
        directories = self._directories
        draft = draft_of(directories.cluster)
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        if directories.server_user:
            system_user.give_to(directories.server_user, draft)
        log = directories.data / "initdb.log"
        code = await processes.run(
            [
                *(str(programs / "initdb"), "-D", str(draft), "-U", SUPERUSER),
                *("--encoding=UTF8", "--locale=C", f"--lc-ctype={_letters()}"),
                *("--locale-provider=builtin", f"--builtin-locale={UNICODE}"),
                *("--auth=peer", "--no-instructions"),
                *([] if self._durable else ["--no-sync"]),
            ],
            log=log,
            user=directories.server_user,
        )
        if code != 0:
            raise EmbeddedServerError(f"PostgreSQL's initdb failed:\n{processes.end_of_log(log)}")
        log.unlink()
        draft.rename(directories.cluster)

    def _check_version(self) -> None:
        found = (self._directories.cluster / "PG_VERSION").read_text().strip()
        if found != MAJOR_VERSION:
            raise EmbeddedServerError(
                f"{self._directories.cluster} was made by PostgreSQL {found}; this is "
                f"{MAJOR_VERSION}. Dump it with the old version and restore it into a new one."
            )

    def _write_access_rules(self) -> None:
        """Let in, over the socket only: whoever runs us, the server's user, and root."""
        names = {system_user.own_name(), "root"}
        if self._directories.server_user:
            names.add(self._directories.server_user)
        rules = {
            "pg_hba.conf": "local all all peer map=customer_flow\n"
            # `all` is not for copies of the whole cluster: a backup has a rule of its own.
            f"local replication {SUPERUSER} peer map=customer_flow\n",
            "pg_ident.conf": "".join(f'customer_flow "{name}" all\n' for name in sorted(names)),
        }
        for name, text in rules.items():
            path = self._directories.cluster / name
            path.write_text(text)

    def _remove_stale_files(self) -> None:
        """Sockets and locks of a killed server, whose process id may belong to a stranger by now.

        No server of this directory is running: we hold its lock and have ended what was left.
        """
        for path in self._directories.postgresql_socket.iterdir():
            path.unlink()
        lock = self._directories.cluster / "postmaster.pid"
        if lock.exists():
            holder = lock.read_text().partition("\n")[0].strip()
            # A dead holder is left to PostgreSQL, which also looks at the shared memory.
            if holder.isdigit() and Path(f"/proc/{holder}").exists():
                lock.unlink()

    async def _launch(self, programs: Path) -> None:
        directories = self._directories
        settings = {
            **SERVER_SETTINGS,
            **(DURABLE if self._durable else FLEETING),
            "unix_socket_directories": str(directories.postgresql_socket),
            "cluster_name": directories.mark,
        }
        command = [str(programs / "postgres"), "-D", str(directories.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        if self._log.exists() and self._log.stat().st_size > LOG_LIMIT_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._log.touch(mode=0o600)
        with self._log.open("ab") as log:
            self._process = processes.spawn(
                command, death_signal=signal.SIGINT, log=log, user=directories.server_user
            )
        await self._until_it_answers(self._process)

    async def _until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            if process.poll() is not None:
                raise EmbeddedServerError(
                    f"PostgreSQL did not start (exit code {process.returncode}). The end of "
                    f"{self._log}:\n{processes.end_of_log(self._log)}"
                )
            try:
                connection = await asyncpg.connect(self._url(SUPERUSER, "postgres"), timeout=5)
            except (OSError, asyncpg.CannotConnectNowError, asyncpg.ConnectionDoesNotExistError):
                if time.monotonic() > deadline:
                    await self.stop()
                    raise EmbeddedServerError(
                        f"PostgreSQL did not answer within {START_SECONDS:.0f} s. The end of "
                        f"{self._log}:\n{processes.end_of_log(self._log)}"
                    ) from None
                await asyncio.sleep(0.03)
            else:
                await connection.close()
                return

    async def _ensure_database(self) -> None:
        """The owner's role and database, and the roles that the programs log in as.

        None of them is a superuser, so that privileges hold for each. A cluster from before there
        were log-ins of their own has them from here on.
        """
        connection = await asyncpg.connect(self._url(SUPERUSER, "postgres"))
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", OWNER):
                await connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB")
            # Roles that a migration makes may then be taken on with SET ROLE by their maker.
            await connection.execute(
                f"ALTER ROLE {OWNER} SET createrole_self_grant = 'set, inherit'"
            )
            for role in (APPLICATION_ROLE, READER_ROLE):
                await _let_log_in(connection, role)
            known = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(known, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        finally:
            await connection.close()
        connection = await asyncpg.connect(self._url(SUPERUSER, DATABASE))
        try:
            await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            await connection.execute(f"GRANT pg_read_all_stats TO {OWNER}")
        finally:
            await connection.close()

    def _url(self, user: str, database: str) -> str:
        socket = quote(str(self._directories.postgresql_socket), safe="/")
        return f"postgresql://{user}@/{database}?host={socket}&port=5432"


async def _let_log_in(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    """A role that programs log in as. The owner gives it rights, and may act as it."""
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role}")
    await connection.execute(f"ALTER ROLE {role} LOGIN")
    await connection.execute(f"GRANT {role} TO {OWNER} WITH ADMIN TRUE, INHERIT TRUE, SET TRUE")


def _letters() -> str:
    """The locale that tells pg_trgm what a letter is: the system's, where it has Unicode.

    The builtin provider knows, but is not asked. To C only ASCII has letters: no trigram would
    have any other, and fuzzy search would know no likeness in Greek. To find out, the locale is set
    for this whole process, and back; a cluster that has it needs it wherever it is moved to.
    """
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        return locale.setlocale(locale.LC_CTYPE, UNICODE)
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
