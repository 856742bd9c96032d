"""Planned answers equal those of a second implementation, for every role."""

import pytest
from hypothesis import example, given, settings

from tests.generation.operations import Operation
from tests.planner.agreement import check
from tests.planner.company import Company
from tests.planner.conftest import PROFILE
from tests.planner.corpus import TRAILS
from tests.planner.world import VIEWERS


@pytest.mark.parametrize("name", VIEWERS)
def test_generated_operations_are_answered_as_the_oracle_answers_them(
    company: Company, name: str
) -> None:
    @settings(PROFILE)
    @given(operation=company.operations(name))
    @example(operation=TRAILS)
    def agrees(operation: Operation) -> None:
        check(company, name, operation)

    agrees()
