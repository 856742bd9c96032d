"""A fixed set of generated operations, for tests that try the same ones over and over."""

from hypothesis import Phase, given, settings
from hypothesis.strategies import SearchStrategy

from tests.generation.operations import Operation
from tests.planner.conftest import COMMON

TRAILS = Operation(
    """{ customers(first: 50, filter: {status: [ACTIVE, SUSPENDED, DELETED, ARCHIVED, MERGED]}) {
        nodes { code auditTrail(first: 10) { nodes { action before after } } } } }""",
    {},
    {},
)
"""What is recorded of every customer: chance meets it too rarely."""


def corpus(strategy: SearchStrategy[Operation], count: int) -> list[Operation]:
    """The same operations at every run."""
    drawn: list[Operation] = []

    @settings(max_examples=count, derandomize=True, phases=(Phase.generate,), **COMMON)
    @given(operation=strategy)
    def collect(operation: Operation) -> None:
        drawn.append(operation)

    collect()
    return drawn
