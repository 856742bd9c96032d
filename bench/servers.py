"""Both API servers as child processes, each one process of uvicorn with the same settings."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import bare

START_SECONDS = 30.0
STOP_SECONDS = 15.0
# What `customer-flow serve` gives to uvicorn.
UVICORN = (
    *("--loop", "uvloop", "--http", "httptools", "--lifespan", "on"),
    *("--no-access-log", "--no-server-header", "--log-level", "warning"),
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running API server."""

    port: int
    process_id: int

    def processor_seconds(self) -> float | None:
        """Processor time that the process has used; None where the system does not tell it."""
        threads = Path(f"/proc/{self.process_id}/task")
        if not threads.exists():
            return None
        used = ((each / "schedstat").read_text().split()[0] for each in threads.iterdir())
        return sum(map(int, used)) / 1e9


@asynccontextmanager
async def product(environment: Mapping[str, str], log: Path) -> AsyncIterator[Server]:
    """`customer-flow serve`, as in production; its log goes to a file."""
    port = _free_port()
    command = [sys.executable, "-m", "app.cli", "serve"]
    async with _running(command, {**environment, "PORT": str(port)}, log, port) as process:
        yield Server(port=port, process_id=process.pid)


@asynccontextmanager
async def baseline(database_url: str, log: Path) -> AsyncIterator[Server]:
    """Bare Starlette."""
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.bare:app", "--port", str(port), *UVICORN]
    async with _running(command, {bare.URL: database_url}, log, port) as process:
        yield Server(port=port, process_id=process.pid)


@asynccontextmanager
async def _running(
    command: list[str], environment: Mapping[str, str], log: Path, port: int
) -> AsyncIterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own programs, at once
            command,
            env={"PATH": os.environ.get("PATH", os.defpath), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await _until_it_listens(process, port, log)
        yield process
    finally:
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a server did not start:\n{_end_of(log)}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def _end_of(log: Path) -> str:
    return log.read_text()[-3000:]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
