"""The whole embedded cluster, file by file, as pg_basebackup copies it while it runs.

Quicker than a dump for a large ledger, both ways, and only for the same major version of
PostgreSQL on the same kind of machine.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app.infra.backups.note import BackupError, digest_of
from app.infra.backups.running import run
from app.infra.embedded import directories, system_user
from app.infra.embedded.directories import Directories
from app.infra.embedded.postgres import SUPERUSER
from app.infra.embedded.programs import client_program

_CLUSTER = "cluster"
_FILES = "backup_manifest"  # PostgreSQL's own list, with a checksum of each
_PROGRESS = re.compile(r"(\d+)/(\d+) kB")

Step = Callable[[int, int], None]
"""Told how many kilobytes of how many."""


async def take(url: str, place: Path, step: Step) -> str:
    """Copy the embedded cluster that answers at `url` into a directory. Returns the digest."""

    def hear(line: str) -> None:
        for done, total in _PROGRESS.findall(line):
            step(int(done), int(total))

    query = parse_qs(urlsplit(url).query)
    where = (f"--host={query['host'][0]}", f"--port={query['port'][0]}", f"--username={SUPERUSER}")
    await run(
        client_program("pg_basebackup"),
        [
            *where,
            *("--no-password", "--wal-method=stream", "--checkpoint=fast", "--progress"),
            f"--pgdata={place / _CLUSTER}",
        ],
        url=None,
        hear=hear,
    )
    await check(place)
    return digest(place)


def digest(place: Path) -> str:
    """Of the list of files that is there now. Raises BackupError when it is gone."""
    try:
        return digest_of(place / _CLUSTER / _FILES)
    except OSError as error:
        raise BackupError(f"{place / _CLUSTER} cannot be read: {error.strerror}") from error


async def check(place: Path) -> None:
    """Every file against the list. Raises BackupError."""
    await run(
        client_program("pg_verifybackup"),
        ["--quiet", "--no-parse-wal", str(place / _CLUSTER)],
        url=None,
        hear=lambda _line: None,
    )


def bring_in(beside: Directories, place: Path) -> None:
    """Make the copy the cluster of a data directory that has none. The caller holds its lock."""
    draft = directories.draft_of(beside.cluster)
    shutil.copytree(place / _CLUSTER, draft, symlinks=True)
    draft.chmod(0o700)
    if beside.server_user:
        for path in (draft, *draft.rglob("*")):
            system_user.give_to(beside.server_user, path)
    draft.rename(beside.cluster)


def swap(where: Directories, beside: Directories) -> None:
    """Put the cluster beside in the place of the other, which is destroyed. Both are stopped.

    The caller holds both locks. A kill between the two renames is noticed at the next start, which
    takes up what was set aside.
    """
    aside = directories.set_aside(where.cluster)
    shutil.rmtree(aside, ignore_errors=True)
    os.sync()
    if where.cluster.exists():
        where.cluster.rename(aside)
    beside.cluster.rename(where.cluster)
    os.sync()
    shutil.rmtree(aside, ignore_errors=True)


def discard(data: Path) -> None:
    """Remove a data directory, and its cluster wherever that is. Nothing when it is not there."""
    cluster = data / "postgresql"
    if cluster.is_symlink():
        shutil.rmtree(cluster.resolve().parent, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
