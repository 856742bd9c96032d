"""A and B in turns: on a machine that is shared, only what was measured side by side compares."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median

from bench.load import Load, Measured

Side = Callable[[], Awaitable[Measured]]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One comparison: the rounds of both sides, in the order they were run."""

    key: str
    title: str
    target: float
    baseline: str
    ours: list[Measured]
    theirs: list[Measured]

    @property
    def ratios(self) -> list[float]:
        """Ours to theirs, round by round."""
        return [
            mine.requests_per_second / other.requests_per_second
            for mine, other in zip(self.ours, self.theirs, strict=True)
        ]

    @property
    def ratio(self) -> float:
        """The median of the rounds."""
        return median(self.ratios)


async def in_turns(ours: Side, theirs: Side, rounds: int) -> tuple[list[Measured], list[Measured]]:
    """Run both sides `rounds` times; who goes first alternates."""
    mine: list[Measured] = []
    other: list[Measured] = []
    for number in range(rounds):
        turns = [(ours, mine), (theirs, other)]
        for side, results in turns if number % 2 == 0 else reversed(turns):
            results.append(await side())
    return mine, other


async def generate(load: Load) -> Measured:
    """Put a load on in a process of its own. Raises when an answer was refused."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(load.to_json().encode())
    if process.returncode != 0:
        raise RuntimeError("the load generator failed")
    result = Measured(**json.loads(output))
    if result.refused:
        raise RuntimeError(f"{result.refused} requests were refused: {result.samples[:1]}")
    return result
