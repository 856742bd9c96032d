"""One company for every test that only reads it, and how many examples are tried."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from tests.planner.company import Company, stood_up
from tests.planner.world_building import build

COMMON = {
    "deadline": None,
    "database": None,
    "suppress_health_check": list(HealthCheck),
    "report_multiple_bugs": False,
}
settings.register_profile(
    "planner-ci",
    max_examples=40,
    derandomize=True,
    # A failure is shown as it was met: shrinking takes minutes, and the long profile does it.
    phases=(Phase.explicit, Phase.generate),
    **COMMON,
)
settings.register_profile("planner-long", max_examples=1000, **COMMON)
PROFILE = settings.get_profile(
    "planner-long" if os.environ.get("HYPOTHESIS_PROFILE") == "long" else "planner-ci"
)


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """A loop for tests that are no coroutines: a generated example is a call."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def company(servers: dict[str, str], runner: asyncio.Runner) -> Iterator[Company]:
    with stood_up(servers, runner, build()) as company:
        yield company
