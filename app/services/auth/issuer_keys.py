"""The public keys of an outside issuer, fetched when needed and kept for a while.

A token that names an unknown key makes them be fetched anew, at most once a minute, whoever asks.
Keys that could not be renewed serve for a day; after that no token of the issuer is accepted.
"""

import asyncio
import time
from collections.abc import Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, Key, RSAKey

from app.services.auth.identity import IssuerUnavailable

TIMEOUT_SECONDS = 5.0
MAXIMUM_BYTES = 256 * 1024
MAXIMUM_KEYS = 50
MINIMUM_RSA_BITS = 2048
RENEWED_AFTER_SECONDS = 60 * 60
PAUSE_AFTER_SUCCESS_SECONDS = 60
PAUSE_AFTER_FAILURE_SECONDS = 5
REFUSED_AFTER_SECONDS = 24 * 60 * 60

log = structlog.get_logger(__name__)


def new_http_client() -> httpx.AsyncClient:
    """A client for issuers: bounded waits, no redirects; proxies as the environment says."""
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=False)


class IssuerKeys:
    """The verification keys of one issuer. For one event loop.

    Without `jwks_url` the issuer's discovery document says where they are.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        issuer: str,
        jwks_url: str | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._now = now
        self._keys: tuple[Key, ...] = ()
        self._fetched_at: float | None = None
        self._not_before = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, algorithm: str, key_id: str | None) -> Key | None:
        """The key that a header speaks of; None when the issuer has no such key.

        A header without a key id means the one key that fits the algorithm; with several, none.
        Raises IssuerUnavailable when there are no keys to be had, or none that are fresh enough.
        """
        if self._age() >= RENEWED_AFTER_SECONDS:
            await self._fetch()
        key = self._known(algorithm, key_id)
        if key is None:
            await self._fetch()
            key = self._known(algorithm, key_id)
        if self._age() >= REFUSED_AFTER_SECONDS:
            raise IssuerUnavailable("the keys of the issuer cannot be had")
        return key

    def _age(self) -> float:
        return float("inf") if self._fetched_at is None else self._now() - self._fetched_at

    def _known(self, algorithm: str, key_id: str | None) -> Key | None:
        fitting = [
            key
            for key in self._keys
            if key.key_type == _KEY_TYPES.get(algorithm)
            and key.get("alg", algorithm) == algorithm
            and (key_id is None or key.kid == key_id)
        ]
        return fitting[0] if len(fitting) == 1 else None

    async def _fetch(self) -> None:
        """Renew the keys, unless that was just tried. Keeps the old ones on failure."""
        async with self._fetching:
            if self._now() < self._not_before:
                return
            self._not_before = self._now() + PAUSE_AFTER_FAILURE_SECONDS
            try:
                self._keys = _usable(await self._read(await self._address()))
            except (httpx.HTTPError, ValueError) as error:
                log.warning("the issuer's keys cannot be had", reason=type(error).__name__)
            else:
                self._fetched_at = self._now()
                self._not_before = self._now() + PAUSE_AFTER_SUCCESS_SECONDS

    async def _address(self) -> str:
        if self._jwks_url is not None:
            return self._jwks_url
        discovery = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
        document = await self._read(discovery)
        if document.get("issuer") != self._issuer:
            raise ValueError("the discovery document speaks of another issuer")
        address = document.get("jwks_uri")
        if not isinstance(address, str) or not _is_trusted_transport(address):
            raise ValueError("the discovery document names no https address of keys")
        return address

    async def _read(self, url: str) -> dict[str, object]:
        """A JSON object of bounded size."""
        body = b""
        async with self._http.stream("GET", url, headers={"accept": "application/json"}) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ValueError("the issuer did not answer 200")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAXIMUM_BYTES:
                    raise ValueError("the issuer's answer is too long")
        document = orjson.loads(body)
        if not isinstance(document, dict):
            raise ValueError("the issuer's answer is no JSON object")  # noqa: TRY004 - what came, not a programming error
        return document


_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}


def _usable(document: dict[str, object]) -> tuple[Key, ...]:
    """The keys that may verify signatures; others, and those we do not understand, are left out."""
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MAXIMUM_KEYS:
        raise ValueError("no key set")
    return tuple(key for each in listed if (key := _key(each)) is not None)


def _key(listed: object) -> Key | None:
    if not isinstance(listed, dict) or listed.get("use", "sig") != "sig":
        return None
    if listed.get("kty") not in _KEY_TYPES.values() or "d" in listed:
        return None
    # Before the library sees it, which warns of short keys instead of refusing them.
    if listed["kty"] == "RSA" and len(str(listed.get("n"))) * 6 < MINIMUM_RSA_BITS:
        return None
    try:
        key = JWKRegistry.import_key(listed)
    except (JoseError, ValueError, TypeError, KeyError):
        log.warning("a key of the issuer cannot be used")
        return None
    if isinstance(key, RSAKey):
        return key if key.public_key.key_size >= MINIMUM_RSA_BITS else None
    return key if isinstance(key, ECKey) and key.curve_name == "P-256" else None


def _is_trusted_transport(url: str) -> bool:
    """https, or http on this machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    return parts.scheme == "http" and _is_loopback(parts.hostname or "")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
