"""The master test: worlds that differ in a viewer's secrets only are one and the same to them."""

import asyncio

import pytest
from hypothesis import example, given, settings

from tests.generation.operations import Operation
from tests.planner.company import Company, stood_up
from tests.planner.conftest import PROFILE
from tests.planner.corpus import TRAILS
from tests.planner.harness import sight_of
from tests.planner.variant import Variant
from tests.planner.world import VIEWERS

NO_VARIANT = "the worlds differ in more than secrets, says the oracle"
NOTICED = "the viewer notices a difference of secrets"


@pytest.mark.parametrize("name", VIEWERS)
def test_what_a_viewer_must_not_learn_changes_nothing_that_they_get(
    company: Company, servers: dict[str, str], runner: asyncio.Runner, name: str
) -> None:
    variant = Variant(sight_of(company.world, name), company.planned.catalogue)
    world = variant.make()
    assert variant.changes > 50
    with stood_up(servers, runner, world, company.planned.plans) as other:
        worlds = (company, other)

        @settings(PROFILE)
        @given(operation=company.operations(name))
        @example(operation=TRAILS)
        def looks_the_same(operation: Operation) -> None:
            for variables in (operation.variables, operation.others):
                expected = [each.oracle(name).answer(operation.text, variables) for each in worlds]
                assert expected[0] == expected[1], (NO_VARIANT, operation.text, variables)
                outcomes = [
                    each.planned.ask(each.viewer(name), operation.text, variables)
                    for each in worlds
                ]
                assert outcomes[0] == outcomes[1], (NOTICED, operation.text, variables)

        looks_the_same()
