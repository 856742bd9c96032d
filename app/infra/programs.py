"""Child programs that are kept running: started again when they die, stopped when we stop."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from app.infra.embedded.processes import guarded

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
HEALTHY_SECONDS = 10.0
"""A program that lived this long has died once, however often it did before."""

MAX_FAILED_STARTS = 5
GRACE_SECONDS = 25.0
"""Longer than what any program of ours gives its own work to end."""
_CHUNK_BYTES = 65_536
_LONGEST_LINE_BYTES = 1_000_000


class ProgramError(Exception):
    """A program does not stay up even at first, so starting it again is no help."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and under which name its output appears."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)  # holds addresses and secrets


async def keep_running(
    program: Program,
    *,
    settled: asyncio.Event,
    report: Callable[[str], None],
    pass_on: Callable[[str, bytes], None],
) -> NoReturn:
    """Run the program, and again whenever it ends, until cancelled; then it is stopped.

    What died once starts again at once. Only what dies again and again waits, twice as long each
    time up to a limit, so that a program that cannot run does not eat the machine. Until `settled`
    is set, a few failures in a row raise `ProgramError`: whoever has just started us wants to know,
    not to wait.
    """
    failures = 0
    while True:
        started = time.monotonic()
        code = await _run_once(program, pass_on)
        failures = failures + 1 if time.monotonic() - started < HEALTHY_SECONDS else 1
        if failures >= MAX_FAILED_STARTS and not settled.is_set():
            raise ProgramError(
                f"{program.name} ended {failures} times in a row ({_ending(code)}); its messages "
                "above say why"
            )
        pause = _pause(failures)
        when = f"in {pause:g} s" if pause else "at once"
        report(f"{program.name} ended ({_ending(code)}); starting it again {when}")
        await asyncio.sleep(pause)


def _pause(failures: int) -> float:
    """Seconds before the next start, after so many failures in a row."""
    if failures == 1:
        return 0.0
    longer: float = FIRST_PAUSE_SECONDS * 2 ** min(failures - 2, 30)
    return min(longer, LONGEST_PAUSE_SECONDS)


async def _run_once(program: Program, pass_on: Callable[[str, bytes], None]) -> int:
    process = await asyncio.create_subprocess_exec(
        *guarded(program.command, death_signal=signal.SIGTERM),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(program.environment),
        start_new_session=True,  # the terminal's Ctrl-C reaches us alone, and we stop in order
    )
    output = asyncio.create_task(_forward(process, program.name, pass_on))
    try:
        return await process.wait()
    finally:
        await _end(process)
        await output


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop the program, politely at first, and whatever it has left behind in its session."""
    if process.returncode is None:
        process.terminate()
        # Not asyncio.timeout(): before Python 3.11.3 it is wrong in a task that was cancelled.
        await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=GRACE_SECONDS)
    with suppress(ProcessLookupError):  # nothing was left
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


async def _forward(
    process: asyncio.subprocess.Process, name: str, pass_on: Callable[[str, bytes], None]
) -> None:
    """Hand on whole lines; an endless one in pieces, so that memory stays bounded."""
    if process.stdout is None:
        raise RuntimeError("the program was started without a pipe")
    rest = b""
    while chunk := await process.stdout.read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            pass_on(name, line)
        if len(rest) > _LONGEST_LINE_BYTES:
            pass_on(name, rest)
            rest = b""
    if rest:
        pass_on(name, rest)


def _ending(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"
