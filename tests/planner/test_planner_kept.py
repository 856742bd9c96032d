"""What is kept of documents and plans has a bound in characters, whatever their number."""

import pytest

from app.planner import documents, plans
from app.planner.documents import Documents
from app.planner.plans import Plans
from tests.planner.company import Company
from tests.planner.harness import GRAPHQL


def test_documents_make_room_by_their_length(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MAX_KEPT_CHARACTERS", 1000)
    kept = Documents(GRAPHQL, company.planned.catalogue)

    for n in range(10):
        kept.get(f"{{ a{n}: __typename }} #{'x' * 300}")
    assert len(kept) == 3

    kept.get("{ __typename } #" + "x" * 2000)
    assert len(kept) == 0
    kept.get("{ __typename }")
    assert len(kept) == 1


def test_plans_make_room_by_the_length_of_their_statements(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = company.viewer("support")
    monkeypatch.setattr(company.planned, "plans", Plans(company.planned.catalogue))
    monkeypatch.setattr(plans, "MAX_KEPT_CHARACTERS", 10)

    assert company.planned.ask(viewer, "{ customers { totalCount } }").json is not None

    assert len(company.planned.plans) == 0
