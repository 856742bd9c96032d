"""`/metrics`, for Prometheus: of the API server, and of worker and scheduler (`scraping.py`).

Metrics name no person and no customer, but tell outsiders how a business is doing: only a scraper
on this machine gets them, unless METRICS_PUBLIC says that whatever can reach the port may. Behind a
proxy, TRUSTED_PROXIES decides whose address is looked at. With several server processes each scrape
is answered by one of them, for itself.
"""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.http.answers import PRIVATE, HttpAnswer, encoded
from app.infra.metrics import CONTENT_TYPE_LATEST, rendered


class Metrics:
    """The endpoint. `is_public`: not only for this machine. `read` looks up what nobody counts."""

    def __init__(
        self, *, is_public: bool, read: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._is_public = is_public
        self._read = read

    async def page(self, request: Request) -> Response:
        """The metrics; to anybody else the page does not exist."""
        if not self._is_public and not _is_here(request):
            return PlainTextResponse("Not Found", 404)
        if self._read is not None:
            await self._read()
        accept_encoding = request.headers.get("accept-encoding", "").encode("latin-1")
        answer = await encoded(HttpAnswer(200, rendered(), PRIVATE), accept_encoding)
        headers = {name.decode(): value.decode() for name, value in answer.headers}
        return Response(answer.body, 200, {**headers, "content-type": CONTENT_TYPE_LATEST})


def _is_here(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
