"""Child programs: kept running, given up on, stopped in order."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from app.infra import programs
from app.infra.programs import Program, ProgramError, keep_running


class Heard:
    """What a supervisor was told and what its children printed."""

    def __init__(self) -> None:
        self.reports: list[str] = []
        self.lines: list[bytes] = []
        self.changed = asyncio.Event()

    def report(self, message: str) -> None:
        self.reports.append(message)
        self.changed.set()

    def pass_on(self, _name: str, line: bytes) -> None:
        self.lines.append(line)
        self.changed.set()

    async def until_lines(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.lines) < count:
                self.changed.clear()
                await self.changed.wait()


def program(code: str) -> Program:
    return Program(
        name="child", command=(sys.executable, "-u", "-c", code), environment=dict(os.environ)
    )


def kept(code: str, heard: Heard, *, settled: bool = True) -> asyncio.Task[None]:
    event = asyncio.Event()
    if settled:
        event.set()
    return asyncio.create_task(
        keep_running(program(code), settled=event, report=heard.report, pass_on=heard.pass_on)
    )


async def stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def is_alive(process_id: bytes) -> bool:
    """Whether it still runs; a grandchild may wait for init as a zombie."""
    stat = Path(f"/proc/{int(process_id)}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


WAIT = "import os, signal; print(os.getpid()); signal.pause()"


async def test_a_killed_program_starts_again_and_that_is_said() -> None:
    heard = Heard()
    task = kept(WAIT, heard)
    await heard.until_lines(1)
    os.kill(int(heard.lines[0]), signal.SIGKILL)
    await heard.until_lines(2)
    assert heard.lines[0] != heard.lines[1]
    assert heard.reports == ["child ended (killed by SIGKILL); starting it again at once"]
    await stopped(task)
    assert not is_alive(heard.lines[1])


async def test_a_program_that_never_stays_up_at_first_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "FIRST_PAUSE_SECONDS", 0.01)
    heard = Heard()
    with pytest.raises(ProgramError, match=r"child ended 5 times in a row \(exit code 3\)"):
        await kept("print('no database'); raise SystemExit(3)", heard, settled=False)
    assert heard.lines == [b"no database"] * 5


async def test_the_pause_between_starts_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(programs, "LONGEST_PAUSE_SECONDS", 0.04)
    heard = Heard()
    task = kept("print('x')", heard)
    await heard.until_lines(5)
    await stopped(task)
    pauses = [report.rsplit("again ", 1)[1] for report in heard.reports[:4]]
    assert pauses == ["at once", "in 0.01 s", "in 0.02 s", "in 0.04 s"]


async def test_what_has_lived_for_a_while_starts_at_once_however_often_it_dies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "HEALTHY_SECONDS", 0.0)
    heard = Heard()
    task = kept(WAIT, heard)
    for deaths in range(1, 5):
        await heard.until_lines(deaths)
        os.kill(int(heard.lines[-1]), signal.SIGKILL)
    await heard.until_lines(5)
    await stopped(task)
    assert {report.rsplit("again ", 1)[1] for report in heard.reports} == {"at once"}


async def test_stopping_lets_the_program_finish_what_it_does() -> None:
    heard = Heard()
    task = kept(
        "import signal\n"
        "def end(*_):\n    print('finished'); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('ready')\n"
        "while True: signal.pause()",
        heard,
    )
    await heard.until_lines(1)
    await stopped(task)
    assert heard.lines == [b"ready", b"finished"]


async def test_a_deaf_program_and_its_children_are_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(programs, "GRACE_SECONDS", 0.2)
    heard = Heard()
    task = kept(
        "import os, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "os.fork(); os.write(1, f'{os.getpid()}\\n'.encode())\n"
        "while True: signal.pause()",
        heard,
    )
    await heard.until_lines(2)
    await stopped(task)
    async with asyncio.timeout(10):
        while any(map(is_alive, heard.lines)):  # noqa: ASYNC110 - the kernel takes a moment
            await asyncio.sleep(0.01)


async def test_an_endless_line_is_passed_on_in_pieces() -> None:
    heard = Heard()
    task = kept("import sys; sys.stdout.write('x' * 3_000_000); sys.stdout.flush()", heard)
    await heard.until_lines(2)
    await stopped(task)
    assert all(set(line) == {ord("x")} for line in heard.lines)
