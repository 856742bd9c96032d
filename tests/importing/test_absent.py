"""What a row does not say moves no money, and half of what moves money is refused."""

from itertools import product

import pytest

from tests.importing.conftest import MAPPING, Importing

PARTLY = MAPPING + 'amount = { column = "money" }\n'
HEADER = "code,number,date,amount,paid,money\n"
NOTHING = ("", " ", "\u00a0", '"="""""')


@pytest.mark.parametrize(
    ("paid", "money", "settled"),
    [
        *((blank, nothing, None) for blank, nothing in product(NOTHING, (*NOTHING, "0", "0.00"))),
        ("2020-05-02", "4", "4.00"),
        ("2020-05-02", "10", "10.00"),
        ("2020-05-02", '"=""4.00"""', "4.00"),
    ],
)
async def test_a_settlement_says_when_and_how_much(
    importing: Importing, paid: str, money: str, settled: str | None
) -> None:
    row = f"absent,1,2020-05-01,10,{paid},{money}\n"
    done = await importing(row, mapping=PARTLY, header=HEADER, is_dry_run=True)
    assert done.refusals == []
    assert done.summary.counts.settlements == (settled is not None)


@pytest.mark.parametrize(
    ("paid", "money", "column"),
    [
        *(("2020-05-02", nothing, "money") for nothing in (*NOTHING, "0", "0.00", "-0", "-4")),
        *((blank, money, "paid") for blank in NOTHING for money in ("4", "-4", "10")),
        *((blank, "four", "money") for blank in NOTHING),
    ],
)
async def test_half_of_a_settlement_is_refused(
    importing: Importing, paid: str, money: str, column: str
) -> None:
    """With its invoice: what is known of that depends on what is not."""
    row = f"half,1,2020-05-01,10,{paid},{money}\n"
    done = await importing(row, mapping=PARTLY, header=HEADER)
    assert [(each.line, each.column) for each in done.refusals] == [(2, column)]
    assert done.counts == {}


@pytest.mark.parametrize(("money", "settlements"), [("4", 1), ("", 0), ("0", 0)])
async def test_a_date_that_is_always_the_same_leaves_it_to_the_amount(
    importing: Importing, money: str, settlements: int
) -> None:
    mapping = PARTLY.replace('{ column = "paid" }', '{ value = "2020-06-30" }')
    row = f"constant,1,2020-05-01,10,,{money}\n"
    done = await importing(row, mapping=mapping, header=HEADER, is_dry_run=True)
    assert done.refusals == []
    assert done.summary.counts.settlements == settlements


async def test_a_translation_makes_no_value_of_a_blank(importing: Importing) -> None:
    """Unless it names the blank: `otherwise` is for what is there."""
    source = '{ column = "money", values = { all = "10" }, otherwise = "10" }'
    mapping = PARTLY.replace('{ column = "money" }', source)
    rows = "none,1,2020-05-01,10,2020-05-02,\nnone,2,2020-05-01,10,2020-05-02,x\n"
    done = await importing(rows, mapping=mapping, header=HEADER, is_dry_run=True)
    assert list(done.reasons) == [2]
    assert done.summary.counts.settlements == 1
    named = mapping.replace('all = "10"', '"" = "10"')
    done = await importing(rows, mapping=named, header=HEADER, is_dry_run=True)
    assert done.summary.counts.settlements == 2
