"""`customer-flow backup` and `restore`, as an operator runs them."""

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT


@dataclass(frozen=True)
class Ended:
    code: int | None
    out: str
    err: str


async def run(data: Path, *arguments: str, url: str | None = None) -> Ended:
    """With the embedded servers of a data directory, or with the database at `url`."""
    given = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    if url is not None:
        given["DATABASE_URL"] = url
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *arguments),
        env={**given, "CUSTOMER_FLOW_DATA_DIR": str(data)},
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    ended = Ended(process.returncode, out.decode(), err.decode())
    assert "Traceback" not in ended.err, ended.err
    return ended
