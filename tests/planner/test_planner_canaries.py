"""Unique texts in everything that is kept back: they come out nowhere, whatever is asked."""

import logging

import pytest
from hypothesis import given, settings

from app.schema.root import schema
from tests.generation.operations import Operation
from tests.planner.company import Company
from tests.planner.conftest import PROFILE
from tests.planner.harness import sight_of
from tests.planner.secrets import Secrets, is_secret_text
from tests.planner.vocabulary import BAD_CURSORS, BAD_IDS
from tests.planner.world import VIEWERS


def _canaries(company: Company, name: str) -> set[str]:
    """Texts of secret cells that stand in no cell which the viewer may read, nor in the schema."""
    secrets = Secrets(sight_of(company.world, name), company.planned.catalogue)
    cells = list(secrets.cells())
    hidden = {is_secret_text(cell) for cell in cells} - {None}
    secret_places = {(id(cell.row), cell.column) for cell in cells}
    shown = {
        str(value)
        for rows in company.world.tables.values()
        for row in rows
        for column, value in row.items()
        if (id(row), column) not in secret_places
    }
    shown.add(schema.as_str())
    return {each for each in hidden if not any(each in text for text in shown)}


@pytest.mark.parametrize("name", VIEWERS)
def test_no_canary_is_in_any_answer_or_log_line(
    company: Company, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    canaries = _canaries(company, name)
    assert len(canaries) > 15
    caplog.set_level(logging.DEBUG)

    def ask(text: str, variables: dict[str, object]) -> None:
        outcome = company.planned.ask(company.viewer(name), text, variables)
        said = f"{outcome.json} {outcome.message} {outcome.path} {outcome.details}"
        asked = f"{text} {variables}"
        found = {each for each in canaries if each in said or each in caplog.text}
        assert not {each for each in found if each not in asked}, (found, said, asked)

    @settings(PROFILE)
    @given(operation=company.operations(name))
    def keeps_silent(operation: Operation) -> None:
        ask(operation.text, dict(operation.variables))

    keeps_silent()
    for text, values in ERRORS.items():
        for value in values:
            ask(text, {"given": value})


@pytest.mark.parametrize("name", VIEWERS)
def test_an_unseen_row_is_refused_like_one_that_never_was(company: Company, name: str) -> None:
    """Its code, number or id are answered as those of nothing, word for word."""
    secrets = Secrets(sight_of(company.world, name), company.planned.catalogue)
    asked = {
        "query($given: String!) { customer(code: $given) { id } }": (
            [row["code"] for row in secrets.hidden_rows("customers")],
            "C999",
        ),
        "query($given: String!) { ledgerEntry(number: $given) { id } }": (
            [row["number"] for row in secrets.hidden_rows("ledger_entries")],
            "INV-999999",
        ),
    }
    for text, (hidden, never) in asked.items():
        nothing = company.planned.ask(company.viewer(name), text, {"given": never})
        for each in hidden:
            assert company.planned.ask(company.viewer(name), text, {"given": each}) == nothing


ERRORS = {
    "query($given: ID!) { node(id: $given) { id } }": BAD_IDS,
    "query($given: Cursor!) { customers(after: $given) { nodes { id } } }": BAD_CURSORS,
    "query($given: Cursor!) { ledgerEntries(before: $given) { nodes { id } } }": BAD_CURSORS,
    "query($given: String!) { customers(filter: {email: {contains: $given}}) { totalCount } }": (
        "box",
        "nul\0",
    ),
    "query($given: Decimal!) { customers(filter: {creditLimit: {gt: $given}}) { totalCount } }": (
        "61000",
    ),
    "query($given: String!) { customers(filter: {search: $given}) { nodes { id } } }": (
        "box1@Mail-1",
        "",
        "x" * 201,
    ),
}
"""Questions that are refused to some, or to all."""
