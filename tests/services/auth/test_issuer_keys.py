"""The keys of an outside issuer: when they are fetched, and which are used."""

import asyncio
import base64
from uuid import uuid4

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, RSAKey

from app.services.auth import issuer_keys
from app.services.auth.identity import IssuerUnavailable
from app.services.auth.issuer_keys import IssuerKeys
from tests.services.auth.issuer import EC, RSA, Issuer, public


def segment(number: int) -> str:
    raw = number.to_bytes(-(-number.bit_length() // 8), "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_an_unknown_key_makes_the_keys_be_fetched_once_a_minute(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    clock = Time()
    keys = IssuerKeys(http, issuer.url, f"{issuer.url}/keys", now=clock)
    assert await keys.find("RS256", "rsa") is not None
    issuer.keys.append(public(RSAKey.generate_key(2048, {"kid": "new"})))
    found = await asyncio.gather(*(keys.find("RS256", "new") for _ in range(5)))
    assert found == [None] * 5
    assert len(issuer.asked) == 1
    clock.now += issuer_keys.PAUSE_AFTER_SUCCESS_SECONDS
    found = await asyncio.gather(*(keys.find("RS256", "new") for _ in range(5)))
    assert None not in found
    assert len(issuer.asked) == 2


async def test_a_key_that_was_withdrawn_is_forgotten_within_the_hour(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    clock = Time()
    keys = IssuerKeys(http, issuer.url, f"{issuer.url}/keys", now=clock)
    assert await keys.find("RS256", "rsa") is not None
    issuer.keys = [public(EC)]
    clock.now += issuer_keys.RENEWED_AFTER_SECONDS
    assert await keys.find("RS256", "rsa") is None


async def test_old_keys_serve_while_the_issuer_is_away_but_not_for_ever(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    clock = Time()
    keys = IssuerKeys(http, issuer.url, f"{issuer.url}/keys", now=clock)
    assert await keys.find("RS256", "rsa") is not None
    issuer.status = 500
    clock.now += issuer_keys.RENEWED_AFTER_SECONDS
    assert await keys.find("RS256", "rsa") is not None
    clock.now += issuer_keys.REFUSED_AFTER_SECONDS
    with pytest.raises(IssuerUnavailable):
        await keys.find("RS256", "rsa")
    issuer.status = 200
    clock.now += issuer_keys.PAUSE_AFTER_FAILURE_SECONDS
    assert await keys.find("RS256", "rsa") is not None


async def test_keys_that_cannot_verify_are_left_out(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    small = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505 - the point
    weak = {"kty": "RSA", "kid": "weak", "n": segment(small.n), "e": "AQAB"}
    p384 = public(ECKey.generate_key("P-384", {"kid": "p384"}))
    issuer.keys = [
        weak,
        p384,
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct"},
        {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
        {"kty": "AKP", "kid": "post-quantum"},
        public(RSA) | {"kid": "encryption", "use": "enc"},
        public(RSA) | {"kid": "other", "alg": "PS256"},
        "nonsense",
        public(EC),
    ]
    keys = IssuerKeys(http, issuer.url, f"{issuer.url}/keys")
    for key_id in ("weak", "oct", "broken", "post-quantum", "encryption", "other"):
        assert await keys.find("RS256", key_id) is None
    assert await keys.find("ES256", "p384") is None
    assert await keys.find("ES256", "ec") is not None


async def test_a_header_without_a_key_id_means_the_only_key(
    http: httpx.AsyncClient, issuer: Issuer
) -> None:
    keys = IssuerKeys(http, issuer.url, f"{issuer.url}/keys")
    assert await keys.find("RS256", None) is not None
    issuer.keys.append(public(RSAKey.generate_key(2048, {"kid": str(uuid4())})))
    assert await IssuerKeys(http, issuer.url, f"{issuer.url}/keys").find("RS256", None) is None
