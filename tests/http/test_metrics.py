"""What is counted, and who may see it."""

from tests.http.calling import Client, SomeSettings, served


async def test_requests_caches_and_connections_are_counted(accountant: Client) -> None:
    await accountant.ask("query CountMe { customers { totalCount } }")
    page = await accountant.http.get("/metrics")

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/plain")
    for line in (
        'customer_flow_http_requests_total{kind="query",status="200"}',
        'customer_flow_http_request_seconds_bucket{kind="query",le="0.1"}',
        "customer_flow_plans ",
        "customer_flow_plan_hits ",
        "customer_flow_documents ",
        "customer_flow_database_read_connections_size ",
    ):
        assert line in page.text
    assert "CountMe" not in page.text


async def test_only_this_machine_sees_them(settings_with: SomeSettings) -> None:
    async with served(settings_with(), "203.0.113.7") as http:
        hidden = await http.get("/metrics")
    async with served(settings_with(metrics_public=True), "203.0.113.7") as http:
        shown = await http.get("/metrics")

    assert (hidden.status_code, shown.status_code) == (404, 200)
    assert "customer_flow" not in hidden.text
