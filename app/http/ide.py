"""The IDE page: GraphiQL from the package's own files. Nothing is loaded from another host.

The page and its files are read once and served from memory. Files are named by their content, so
browsers may keep them for good; the page itself is asked for anew each time.
"""

import asyncio
import gzip
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from app.http import examples
from app.http.compression import BEST_LEVEL, accepts_gzip
from app.http.media_types import prefers_html

_STATIC = files("app.http") / "static" / "graphiql"
_TYPES = {"js": "text/javascript", "css": "text/css"}

# In the order the page needs them. GraphiQL and CodeMirror style elements in place.
_LIBRARIES = ("react.production.min.js", "react-dom.production.min.js", "graphiql.min.js")
_STYLES = ("graphiql.min.css", "ide.css")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Customer Flow</title>
<link rel="icon" href="data:,">
{styles}
</head>
<body>
<div id="ide"></div>
{scripts}
</body>
</html>
"""


@dataclass(slots=True)
class _File:
    media_type: str
    content: bytes
    packed: bytes | None = None

    async def compressed(self) -> bytes:
        """As small as it gets: worked out when it is first asked for, and kept."""
        if self.packed is None:
            self.packed = await asyncio.to_thread(gzip.compress, self.content, BEST_LEVEL, mtime=0)
        return self.packed


class Ide:
    """The page and its files."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        styles = [self._add(name, _read(name)) for name in _STYLES]
        scripts = [
            *(self._add(name, _read(name)) for name in _LIBRARIES),
            self._add("examples.js", examples.script()),
            self._add("ide.js", _read("ide.js")),
        ]
        page = _PAGE.format(
            styles="\n".join(f'<link rel="stylesheet" href="{each}">' for each in styles),
            scripts="\n".join(f'<script defer src="{each}"></script>' for each in scripts),
        )
        self._page = _File("text/html", page.encode())

    async def page(self, request: Request) -> Response:
        """The page."""
        headers = {
            "content-security-policy": CONTENT_SECURITY_POLICY,
            "cache-control": "no-cache",
            "vary": "Accept, Accept-Encoding",
        }
        return await _sent(self._page, request, headers)

    async def send_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The page, at an address that programs use too."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)

    async def file(self, request: Request) -> Response:
        """One of its files."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("Not Found", 404)
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "Accept-Encoding",
        }
        return await _sent(found, request, headers)

    def _add(self, name: str, content: bytes) -> str:
        """Keep a file under a name that its content decides; returns where it is served."""
        stem, _, suffix = name.rpartition(".")
        served = f"{stem}.{sha256(content).hexdigest()[:16]}.{suffix}"
        self._files[served] = _File(_TYPES[suffix], content)
        return f"/ide/{served}"


def _read(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


async def _sent(file: _File, request: Request, headers: dict[str, str]) -> Response:
    if accepts_gzip(request.headers.get("accept-encoding", "").encode("latin-1")):
        headers = {**headers, "content-encoding": "gzip"}
        return Response(await file.compressed(), 200, headers, media_type=file.media_type)
    return Response(file.content, 200, headers, media_type=file.media_type)


def is_navigation(scope: Scope) -> bool:
    """Whether a browser opens this address as a page."""
    accept = next((value for name, value in scope["headers"] if name == b"accept"), None)
    return prefers_html(accept)
