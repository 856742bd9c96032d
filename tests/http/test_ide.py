"""The IDE page, from this server alone."""

import re

import httpx
import pytest

from app.http.ide import CONTENT_SECURITY_POLICY

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("path", ["/", "/graphql"])
async def test_a_browser_gets_the_page(http: httpx.AsyncClient, path: str) -> None:
    page = await http.get(path, headers={"accept": BROWSER})

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY


async def test_a_program_does_not(http: httpx.AsyncClient) -> None:
    assert (await http.get("/graphql", headers={"accept": "*/*"})).status_code == 401


async def test_everything_the_page_names_is_here(http: httpx.AsyncClient) -> None:
    page = await http.get("/", headers={"accept": BROWSER})
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert len(named) >= 6
    for address in named:
        if address.startswith("data:"):
            continue
        assert re.fullmatch(r"/ide/[\w.-]+\.[0-9a-f]{16}\.(js|css)", address)
        file = await http.get(address)
        assert file.status_code == 200
        assert "immutable" in file.headers["cache-control"]
        assert file.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in page.text


async def test_nothing_may_come_from_elsewhere_or_go_there(http: httpx.AsyncClient) -> None:
    directives = (each.partition(" ") for each in CONTENT_SECURITY_POLICY.split("; "))
    policy = {name: sources.split() for name, _, sources in directives}
    allowed = {"'self'", "'none'", "'unsafe-inline'", "data:"}

    assert policy["default-src"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["script-src"] == policy["connect-src"] == ["'self'"]
    assert {source for sources in policy.values() for source in sources} <= allowed
    page = await http.get("/", headers={"accept": BROWSER})
    assert "//" not in page.text
    styles = re.findall(r'href="(/ide/[^"]+css)"', page.text)
    for address in styles:
        style = await http.get(address)
        targets = re.findall(r"(?:url\(|@import)\s*['\"]?([^'\")]{1,20})", style.text)
        assert all(target.startswith("data:") for target in targets)


async def test_tokens_are_kept_in_memory_only(http: httpx.AsyncClient) -> None:
    page = await http.get("/", headers={"accept": BROWSER})
    (own,) = re.findall(r'src="(/ide/ide\.[^"]+)"', page.text)
    script = (await http.get(own)).text

    assert "localStorage" not in script
    assert "sessionStorage" not in script
    assert "document.cookie" not in script


@pytest.mark.parametrize("name", ["nothing.js", "..%2fide.py", "LICENSE.react", "ide.js"])
async def test_other_files_are_not_served(http: httpx.AsyncClient, name: str) -> None:
    assert (await http.get(f"/ide/{name}")).status_code == 404
