"""Documents that mean the same are answered the same, and none breaks the statement."""

import orjson
import pytest

from tests.planner.company import Company

PREFIXES = "abcdefghijklmnopqrstuvwxyz"


def _codes(company: Company, text: str, code: str) -> set[str]:
    outcome = company.planned.ask(company.viewer("admin"), text, {"code": code})
    return {each["code"] for each in orjson.loads(outcome.json or "")["customers"]["nodes"]}


@pytest.mark.parametrize(
    "given",
    [
        "and: {code: {eq: $code}}",
        "and: {code: {in: [$code]}}",
        "or: {and: {code: {startsWith: $code}}}",
        "not: {or: {not: {code: {eq: $code}}}}",
        "and: [{code: {eq: $code}}]",
    ],
)
def test_one_condition_in_place_of_a_list_takes_the_variables_of_each_request(
    company: Company, given: str
) -> None:
    text = f"query($code: String!) {{ customers(filter: {{{given}}}) {{ nodes {{ code }} }} }}"
    codes = ["C007", "C014"]
    assert [_codes(company, text, code) for code in codes] == [{code} for code in codes]


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_client_may_use_any_alias(company: Company, prefix: str) -> None:
    """Also those that look like the names that the statement gives to its own parts."""
    for number in range(1, 25):
        alias = f"{prefix}{number}"
        text = f"""{{ customers(first: 1) {{ {alias}: nodes {{
            {alias}: code
            ledgerEntries(first: 1) {{ edges {{ {alias}: node {{ {alias}: number }} }} }}
        }} }} }}"""
        outcome = company.planned.ask(company.viewer("admin"), text)
        (found,) = orjson.loads(outcome.json or "")["customers"][alias]
        assert found[alias].startswith("C")


@pytest.mark.parametrize("alias", ["number", "k0", "k1", "customers_id", "customers_code", "node"])
def test_an_alias_may_be_the_name_of_a_column(company: Company, alias: str) -> None:
    text = f"{{ customers(first: 1) {{ nodes {{ {alias}: businessName code id }} }} }}"
    outcome = company.planned.ask(company.viewer("admin"), text)
    (found,) = orjson.loads(outcome.json or "")["customers"]["nodes"]
    assert found[alias] in {row["business_name"] for row in company.world.rows("customers")}


@pytest.mark.parametrize("directive", ["skip", "include"])
def test_a_directive_given_null_is_refused(company: Company, directive: str) -> None:
    text = f"query($c: Boolean = true) {{ products {{ nodes {{ sku @{directive}(if: $c) }} }} }}"
    outcome = company.planned.ask(company.viewer("admin"), text, {"c": None})
    assert outcome.code == "VALIDATION"


def test_selections_may_come_to_nothing(company: Company) -> None:
    for text in (
        "{ customers @skip(if: true) { nodes { code } } }",
        "{ products { totalCount @skip(if: true) } }",
        "{ products { nodes { sku @include(if: false) } } }",
        "{ nodes(ids: []) { id } }",
    ):
        assert company.planned.ask(company.viewer("admin"), text).code is None


@pytest.mark.parametrize("place", ["nodes", "connection", "edges", "root"])
def test_more_fields_than_a_row_has_columns_are_refused(company: Company, place: str) -> None:
    count = 1640
    sku, total = (" ".join(f"a{n}: {of}" for n in range(count)) for of in ("sku", "totalCount"))
    cursors = " ".join(f"a{n}: cursor" for n in range(count))
    text = {
        "nodes": f"{{ products {{ nodes {{ {sku} }} }} }}",
        "connection": f"{{ products {{ {total} }} }}",
        "edges": f"{{ products {{ edges {{ {cursors} }} }} }}",
        "root": " ".join(("{", *(f"a{n}: __typename" for n in range(count)), "}")),
    }[place]
    assert company.planned.ask(company.viewer("admin"), text).code == "VALIDATION"


def test_objects_nested_without_end_are_refused(company: Company) -> None:
    for depth in (11, 40, 60):
        inside = "ledgerEntries { nodes { customer { " * depth + "code" + " } } }" * depth
        text = f"{{ customers {{ nodes {{ {inside} }} }} }}"
        assert company.planned.ask(company.viewer("admin"), text).code == "VALIDATION"
