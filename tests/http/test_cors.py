"""Which pages of other origins may ask: none, unless CORS_ORIGINS names them."""

import httpx
import pytest

from tests.http.calling import Client, SomeSettings, served

APP = "https://app.example"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


def cors_headers(answer: httpx.Response) -> dict[str, str]:
    return {
        name: value for name, value in answer.headers.items() if name.startswith("access-control-")
    }


async def test_without_the_setting_there_is_no_cors(accountant: Client) -> None:
    headers = {**accountant.headers, "origin": APP}

    preflight = await accountant.http.options("/graphql", headers={"origin": APP, **PREFLIGHT})
    answer = await accountant.http.post(
        "/graphql", json={"query": "{ viewer { roles } }"}, headers=headers
    )

    assert preflight.status_code == 405
    assert cors_headers(preflight) == cors_headers(answer) == {}


@pytest.mark.parametrize(
    ("origin", "may"),
    [
        (APP, True),
        ("https://app.example.evil", False),
        ("http://app.example", False),
        ("null", False),
    ],
)
async def test_the_setting_names_who_may(
    accountant: Client, settings_with: SomeSettings, origin: str, may: bool
) -> None:
    async with served(settings_with(cors_origins=f"{APP},https://other.example")) as http:
        preflight = await http.options("/graphql", headers={"origin": origin, **PREFLIGHT})
        headers = {**accountant.headers, "origin": origin}
        answer = await http.post(
            "/graphql", json={"query": "{ viewer { roles } }"}, headers=headers
        )
        refused = await http.post(
            "/graphql", json={"query": "{ viewer { roles } }"}, headers={"origin": origin}
        )

    assert (preflight.status_code == 200) is may
    for each in (preflight, answer, refused):
        assert each.headers.get("access-control-allow-origin") == (origin if may else None)
        assert "access-control-allow-credentials" not in each.headers
    assert refused.status_code == 401
    if may:
        assert {"authorization", "content-type"} <= {
            name.strip().lower()
            for name in preflight.headers["access-control-allow-headers"].split(",")
        }
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()
        assert "origin" in answer.headers["vary"].lower()
