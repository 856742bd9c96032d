"""Run one of PostgreSQL's client programs to its end, and hear what it says on the way."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from app.infra.backups.note import BackupError
from app.infra.embedded.processes import guarded

_LAST_LINES = 8


async def run(
    program: Path, arguments: Sequence[str], *, url: str | None, hear: Callable[[str], None]
) -> None:
    """Raises BackupError with the last lines it said, unless it ends well.

    `url` is the database, whose password does not become part of the command line, which the whole
    machine can read.
    """
    place, password = without_password(url) if url is not None else (None, None)
    command = [str(program), *arguments, *(["--dbname", place] if place is not None else [])]
    process = await asyncio.create_subprocess_exec(
        *guarded(command, death_signal=signal.SIGTERM),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            **({"PGPASSWORD": password} if password else {}),
        },
    )
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        if process.stdout is None:
            raise RuntimeError("the program was started without a pipe")
        async for line in process.stdout:
            text = line.decode(errors="replace").strip()
            last.append(text)
            hear(text)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if code != 0:
        said = "\n  ".join(last)
        raise BackupError(f"{program.name} failed (exit code {code}):\n  {said}")


def of_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def without_password(url: str) -> tuple[str, str | None]:
    """The address without its password, and that."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    others = [(key, value) for key, value in query if key != "password"]
    in_query = dict(query).get("password")
    return (
        urlunsplit(parts._replace(netloc=f"{name}{at}{host}", query=urlencode(others, safe="/"))),
        unquote(password) or in_query,
    )
