"""Start, stop and find the processes of embedded servers."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LAUNCHER = Path(__file__).with_name("launch.py")
_POLL_SECONDS = 0.02


class EmbeddedServerError(Exception):
    """An embedded server cannot run. The message is for the person who started it."""


_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def needing_room(data: Path) -> Iterator[None]:
    """Around what writes to the data directory: a full disk is told as what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise EmbeddedServerError(
            f"{data} cannot be written to: {os.strerror(error.errno or 0)}. Make room there, or "
            "set CUSTOMER_FLOW_DATA_DIR to another place; nothing that was acknowledged is lost."
        ) from error


def guarded(command: Sequence[str], *, death_signal: signal.Signals, user: str = "") -> list[str]:
    """`command` so that it ends when this process ends, run as `user` when one is named."""
    return [
        *(sys.executable, "-I", "-S", str(LAUNCHER)),
        *(str(os.getpid()), str(int(death_signal)), user, "--"),
        *command,
    ]


def spawn(
    command: Sequence[str], *, death_signal: signal.Signals, log: IO[bytes], user: str = ""
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, out of reach of the terminal's Ctrl-C.

    Its environment is bare: PG* and locale variables of whoever started us must not reach it.
    """
    return subprocess.Popen(  # noqa: S603 - programs of our own wheels, no shell
        guarded(command, death_signal=death_signal, user=user),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
    )


async def run(command: Sequence[str], *, log: Path, user: str = "") -> int:
    """Run a program of a server to its end with its output in `log`; returns its exit code."""
    with log.open("wb") as output:
        process = spawn(command, death_signal=signal.SIGTERM, log=output, user=user)
    try:
        while (code := process.poll()) is None:  # noqa: ASYNC110 - there is nothing to wait on
            await asyncio.sleep(_POLL_SECONDS)
    except asyncio.CancelledError:
        process.terminate()
        process.wait(10)
        raise
    return code


async def stop(
    process: subprocess.Popen[bytes], *signals: tuple[signal.Signals, float]
) -> signal.Signals | None:
    """Send each signal and wait up to its seconds, until the process has ended.

    Returns the signal that ended it, or None if it had ended before.
    """
    for number, seconds in signals:
        if process.poll() is not None:
            return None
        process.send_signal(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if process.poll() is not None:
                return number
            await asyncio.sleep(_POLL_SECONDS)
    process.kill()
    process.wait()
    return signal.SIGKILL


def processes_of(program: str, mark: str) -> dict[int, bool]:
    """Every running process of `program` that has `mark` in its command line.

    The value says whether it is the leader, the one to send a signal to, rather than a child that
    wrote its own title. By command line because that alone is readable for every user in every
    container. Without /proc the answer is empty, and the servers' own lock files are what is left.
    """
    found: dict[int, bool] = {}
    if not Path("/proc").is_dir():
        return found
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0")
        except OSError:  # it has just ended
            continue
        first, *rest = line.split("\0")
        if mark in line and (Path(first).name == program or first.startswith(f"{program}:")):
            found[int(entry.name)] = bool(rest)
    return found


async def end_leftovers(program: str, mark: str, number: signal.Signals, seconds: float) -> int:
    """End what an earlier, killed start left behind: `number` first, SIGKILL after `seconds`.

    Returns how many processes there were. The caller holds the lock of the data directory, so none
    of them belongs to a running copy.
    """
    left = processes_of(program, mark)
    count = len(left)
    _signal_all([process_id for process_id, leads in left.items() if leads], number)
    deadline = time.monotonic() + seconds
    while left := processes_of(program, mark):
        if time.monotonic() > deadline:
            _signal_all(list(left), signal.SIGKILL)
            deadline += seconds
        await asyncio.sleep(_POLL_SECONDS)
    return count


def _signal_all(process_ids: Sequence[int], number: signal.Signals) -> None:
    for process_id in process_ids:
        try:
            os.kill(process_id, number)
        except ProcessLookupError:  # it ended between the look and the signal
            continue
        except PermissionError as error:
            raise EmbeddedServerError(
                f"process {process_id} still uses this data directory and belongs to another user"
            ) from error


def end_of_log(path: Path, lines: int = 12) -> str:
    """The last lines of a log, for the message about a server that would not start."""
    if not path.exists():
        return "(no log)"
    with path.open("rb") as log:
        log.seek(0, os.SEEK_END)
        log.seek(max(0, log.tell() - 8_192))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
