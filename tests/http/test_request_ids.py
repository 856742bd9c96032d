"""Every request has an id, everywhere the same."""

import pytest

from tests.http.calling import Client


@pytest.mark.parametrize("given", ["a", "order-7_b.C", "x" * 64])
async def test_a_sane_id_is_kept(accountant: Client, given: str) -> None:
    answer = await accountant.http.get("/healthz", headers={"x-request-id": given})

    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", "\xe4"])
async def test_another_is_replaced(accountant: Client, given: str) -> None:
    headers = {"x-request-id": given.encode("latin-1")}
    answers = [await accountant.http.get("/healthz", headers=headers) for _ in range(2)]

    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert first != second
    assert given not in {first, second}
    assert len(first) == 32


@pytest.mark.parametrize("path", ["/graphql", "/", "/readyz", "/metrics", "/nowhere"])
async def test_every_answer_names_it(accountant: Client, path: str) -> None:
    answer = await accountant.http.get(path)

    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
