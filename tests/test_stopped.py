"""Every command that ends, when PostgreSQL fails it in the middle: one line and exit code 75."""

from pathlib import Path

import asyncpg
import pytest

from app.cli import STOPPED
from app.infra.faults import fault_in_a_line
from tests.conftest import ROOT, own_database
from tests.going_between import going_between
from tests.test_unreachable import EXAMPLE, Run

# What each says to PostgreSQL when its own work has begun.
COMMANDS = {
    "seed": ((), b"INSERT INTO"),
    "token": (("--as", "ada@b.example"), b"users"),
    "import": (("FILE", "--mapping", EXAMPLE), b"users"),
}
FILE = ROOT / "README.md"  # never read: who posts is asked first

TOLD = {
    "08006": "the connection to it was lost",
    "25006": "it takes no writes",
    "25P03": "did nothing for too long",
    "40001": "others were at work",
    "40P01": "others were at work",
    "53000": "short of something",
    "53100": "its disk is full",
    "53200": "too little memory",
    "53300": "no connection left",
    "55P03": "others hold",
    "57014": "cancelled, or took too long",
    "57P01": "told to stop",
    "58030": "its machine fails it",
}
OURS = ("22012", "23505", "23514", "42501", "42P01", "P0001", "XX000")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("place", ["cut_before", "cut_reply"])
async def test_a_connection_lost_in_the_middle_is_a_line(
    run: Run, servers: dict[str, str], command: str, place: str
) -> None:
    arguments, at = COMMANDS[command]
    given = [str(FILE) if each == "FILE" else each for each in arguments]
    async with own_database(servers) as url, going_between(url) as between:
        setattr(between, place, at)
        code, out, err = await run(between.url, command, *given, SECRET_KEY="k" * 32)
    assert between.cuts, "the command never said it"
    assert "Traceback" not in out + err
    assert (code, err.count("\n")) == (STOPPED, 1), err
    assert "the connection to it was lost" in err


@pytest.mark.parametrize("state", [*TOLD, *OURS])
async def test_every_state_is_told_or_is_ours(
    owner: "asyncpg.Connection[asyncpg.Record]", state: str
) -> None:
    with pytest.raises(asyncpg.PostgresError) as raised:
        await owner.execute(
            f"DO $$ BEGIN RAISE EXCEPTION 'a secret' USING ERRCODE = '{state}'; END $$"
        )
    told = fault_in_a_line(raised.value)
    if state in OURS:
        assert told is None
    else:
        assert told is not None
        assert TOLD[state] in told
        assert "a secret" not in told


@pytest.mark.parametrize("error", [ValueError("x"), asyncpg.InterfaceError("another operation")])
def test_a_mistake_of_ours_is_none(error: Exception) -> None:
    assert fault_in_a_line(error) is None
