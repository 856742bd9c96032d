"""Tokens of an outside issuer: accepted for a verified e-mail, and nothing else."""

import base64
import hmac
import json
import time
from hashlib import sha256
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import Key, OctKey

from app.policies.roles import Role
from app.services.auth import issuer_keys, oidc
from app.services.auth.authentication import Authentication
from app.services.auth.identity import Identity, IssuerUnavailable, TokenRefused
from app.services.auth.oidc import OidcTokens
from app.services.auth.viewers import Viewers
from tests.services.auth.issuer import AUDIENCE, EC, RSA, STRANGER, Issuer, public
from tests.services.auth.people import People


@pytest.fixture
def tokens(people: People, http: httpx.AsyncClient, issuer: Issuer) -> OidcTokens:
    return OidcTokens(people.database, http, issuer=issuer.url, audience=AUDIENCE)


async def reason_for(tokens: OidcTokens, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        await tokens.identify(token)
    return refused.value.reason


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
async def test_a_verified_email_names_the_user(
    tokens: OidcTokens, issuer: Issuer, people: People, viewers: Viewers, key: Key
) -> None:
    user_id, email = await people.user(roles=(Role.AUDITOR,))
    token = issuer.token({"email": email.upper(), "roles": ["ADMIN"]}, key=key)
    assert await tokens.identify(token) == Identity(user_id, None)
    actor = await Authentication(tokens, viewers).actor(token, "request")
    assert actor.roles == (Role.AUDITOR,)
    await tokens.identify(token)
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


async def test_a_given_address_of_keys_needs_no_discovery(
    people: People, http: httpx.AsyncClient, issuer: Issuer
) -> None:
    user_id, email = await people.user()
    tokens = OidcTokens(
        people.database,
        http,
        issuer=issuer.url,
        audience=AUDIENCE,
        jwks_url=f"{issuer.url}/keys",
    )
    assert (await tokens.identify(issuer.token({"email": email}))).user_id == user_id
    assert issuer.asked == ["/keys"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://another.example"}, "claims"),
        ({"iss": None}, "claims"),
        ({"aud": "another-product"}, "claims"),
        ({"aud": None}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": 1_000_000_000}, "expired"),
        ({"iat": 4_000_000_000}, "claims"),
        ({"nbf": 4_000_000_000}, "claims"),
        ({"sub": None}, "claims"),
        ({"email": None}, "claims"),
        ({"email": ["a", "b"]}, "email"),
        ({"email": 7}, "email"),
        ({"email_verified": None}, "email"),
        ({"email_verified": False}, "email"),
        ({"email_verified": "true"}, "email"),
        ({"email_verified": 1}, "email"),
        ({"email": "nobody@nowhere.example"}, "user"),
        ({"email": "nul\0@nowhere.example"}, "user"),
    ],
)
async def test_every_claim_must_be_right(
    tokens: OidcTokens, issuer: Issuer, people: People, changes: dict[str, Any], reason: str
) -> None:
    _, email = await people.user()
    assert await reason_for(tokens, issuer.token({"email": email} | changes)) == reason


async def test_one_of_several_audiences_is_enough(
    tokens: OidcTokens, issuer: Issuer, people: People
) -> None:
    user_id, email = await people.user()
    token = issuer.token({"email": email, "aud": ["other", AUDIENCE]})
    assert (await tokens.identify(token)).user_id == user_id


async def test_the_leeway_has_an_end(tokens: OidcTokens, issuer: Issuer, people: People) -> None:
    _, email = await people.user()
    now = int(time.time())
    await tokens.identify(issuer.token({"email": email, "exp": now - oidc.LEEWAY_SECONDS + 10}))
    late = issuer.token({"email": email, "exp": now - oidc.LEEWAY_SECONDS})
    assert await reason_for(tokens, late) == "expired"


async def test_a_public_key_is_no_secret(tokens: OidcTokens, issuer: Issuer) -> None:
    pem = RSA.as_pem(private=False)
    forged = jwt.encode(
        {"alg": "RS256", "kid": "rsa"}, {"email": "x", "iss": issuer.url}, RSA
    ).split(".")
    header = jwt.encode({"alg": "HS256", "kid": "rsa"}, {}, OctKey.generate_key(256)).split(".")
    signing_input = f"{header[0]}.{forged[1]}".encode()
    mac = base64.urlsafe_b64encode(hmac.new(pem, signing_input, sha256).digest()).rstrip(b"=")
    assert await reason_for(tokens, f"{signing_input.decode()}.{mac.decode()}") == "algorithm"
    assert issuer.asked == []


@pytest.mark.parametrize("algorithm", ["none", "RS512", "PS256", "HS256", "RS1"])
async def test_other_algorithms_are_refused(
    tokens: OidcTokens, issuer: Issuer, algorithm: str
) -> None:
    _, claims, signature = issuer.token({"email": "x"}).split(".")
    header = json.dumps({"alg": algorithm, "kid": "rsa"}).encode()
    segment = base64.urlsafe_b64encode(header).rstrip(b"=").decode()
    assert await reason_for(tokens, f"{segment}.{claims}.{signature}") == "algorithm"


async def test_a_strangers_key_of_the_same_name_is_refused(
    tokens: OidcTokens, issuer: Issuer, people: People
) -> None:
    _, email = await people.user()
    token = issuer.token({"email": email}, key=STRANGER)
    assert await reason_for(tokens, token) == "signature"
    embedded = {"jwk": public(STRANGER)}
    token = issuer.token({"email": email}, key=STRANGER, header=embedded)
    assert await reason_for(tokens, token) in {"signature", "malformed"}


async def test_an_ec_key_does_not_verify_what_claims_to_be_rsa(
    tokens: OidcTokens, issuer: Issuer
) -> None:
    token = issuer.token({"email": "x"}, header={"kid": "ec"})
    assert await reason_for(tokens, token) == "key"


async def test_a_suspended_user_is_nobody(
    tokens: OidcTokens, issuer: Issuer, people: People, viewers: Viewers
) -> None:
    user_id, email = await people.user()
    authentication = Authentication(tokens, viewers)
    token = issuer.token({"email": email})
    await authentication.actor(token, "-")
    await people.suspend(user_id)
    with pytest.raises(TokenRefused):
        await authentication.actor_now(token, "-")
    assert await reason_for(tokens, issuer.token({"email": email, "jti": "new"})) == "user"


@pytest.mark.parametrize(
    "broken",
    [
        {"status": 500},
        {"status": 302},
        {"body": b"<html>"},
        {"body": b"[]"},
        {"body": b" " * (issuer_keys.MAXIMUM_BYTES + 1)},
        {"discovery": {}},
        {"discovery": {"issuer": "https://another.example", "jwks_uri": "https://x.example"}},
    ],
)
async def test_without_keys_no_token_can_be_judged(
    tokens: OidcTokens, issuer: Issuer, broken: dict[str, Any]
) -> None:
    for name, value in broken.items():
        setattr(issuer, name, value)
    with pytest.raises(IssuerUnavailable):
        await tokens.identify(issuer.token({"email": "x"}))


@pytest.mark.parametrize("address", ["http://192.0.2.1/keys", "file:///etc/passwd", 7, None])
async def test_keys_come_over_https_only(
    tokens: OidcTokens, issuer: Issuer, address: object
) -> None:
    issuer.discovery["jwks_uri"] = address
    with pytest.raises(IssuerUnavailable):
        await tokens.identify(issuer.token({"email": "x"}))


async def test_an_issuer_that_cannot_be_reached_is_unavailable(people: People) -> None:
    async with issuer_keys.new_http_client() as http:
        tokens = OidcTokens(people.database, http, issuer="http://127.0.0.1:9", audience="x")
        with pytest.raises(IssuerUnavailable):
            await tokens.identify(Issuer(url="http://127.0.0.1:9").token({"email": "x"}))
