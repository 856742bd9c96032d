"""Our own tokens: what is accepted, and nothing else."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from app.services.auth import tokens as module
from app.services.auth.identity import Identity, TokenRefused
from app.services.auth.tokens import AccessTokens, derived_key
from tests.services.auth.people import SECRET

MINUTES = 10
START = 1_800_000_000


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = float(START)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def tokens(time: Time) -> AccessTokens:
    return AccessTokens(SECRET, timedelta(minutes=MINUTES), now=time)


def signed(changes: dict[str, object], *, header: dict[str, object] | None = None) -> str:
    """A token like ours, with the right key, but for the changes; None leaves a claim out."""
    claims = {
        "iss": "customer-flow",
        "aud": "customer-flow",
        "sub": str(uuid4()),
        "iat": START,
        "exp": START + 600,
        "jti": "1",
        "ver": 1,
    } | changes
    key = OctKey.import_key(derived_key(SECRET, "access token"))
    return jwt.encode(
        {"alg": "HS256", "typ": "at+jwt"} | (header or {}),
        {name: value for name, value in claims.items() if value is not None},
        key,
        algorithms=["HS256", "HS512"],
    )


def reason_for(tokens: AccessTokens, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        tokens.verify(token)
    return refused.value.reason


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_speaks_for_its_user_at_a_version(tokens: AccessTokens) -> None:
    user_id = uuid4()
    token = tokens.issue(user_id, 7)
    assert tokens.verify(token.text) == Identity(user_id, 7)
    assert token.expires_at.timestamp() == START + MINUTES * 60


def test_the_token_never_shows_in_a_representation(tokens: AccessTokens) -> None:
    token = tokens.issue(uuid4(), 1)
    assert token.text not in repr(token)


def test_a_token_is_good_until_its_end_and_the_leeway(tokens: AccessTokens, time: Time) -> None:
    token = tokens.issue(uuid4(), 1).text
    for fresh in (tokens, AccessTokens(SECRET, timedelta(minutes=1), now=time)):
        time.now = START + MINUTES * 60 + module.LEEWAY_SECONDS - 1
        fresh.verify(token)
        time.now = START + MINUTES * 60 + module.LEEWAY_SECONDS
        assert reason_for(fresh, token) == "expired"
        assert reason_for(fresh, token) == "expired"


def test_a_clock_that_is_ahead_is_forgiven_within_the_leeway(tokens: AccessTokens) -> None:
    tokens.verify(signed({"iat": START + module.LEEWAY_SECONDS}))
    assert reason_for(tokens, signed({"iat": START + module.LEEWAY_SECONDS + 1})) == "claims"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody-else"},
        {"iss": None},
        {"aud": "another-product"},
        {"aud": ["another-product"]},
        {"aud": None},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"jti": None},
        {"sub": None},
        {"sub": "root"},
        {"ver": None},
        {"ver": True},
        {"ver": "1"},
        {"ver": 1.0},
        {"nbf": START + 3600},
    ],
)
def test_every_claim_must_be_right(tokens: AccessTokens, changes: dict[str, object]) -> None:
    assert reason_for(tokens, signed(changes)) == "claims"


def test_an_unsigned_token_is_refused(tokens: AccessTokens) -> None:
    _, claims, signature = signed({}).split(".")
    for algorithm in ("none", "None", "NONE"):
        header = segment({"alg": algorithm, "typ": "at+jwt"})
        assert reason_for(tokens, f"{header}.{claims}.{signature}") == "algorithm"
        assert reason_for(tokens, f"{header}.{claims}.") == "malformed"


def test_only_one_algorithm_is_tried(tokens: AccessTokens) -> None:
    assert reason_for(tokens, signed({}, header={"alg": "HS512"})) == "algorithm"
    rsa = RSAKey.generate_key(2048, auto_kid=False)
    token = jwt.encode({"alg": "RS256", "typ": "at+jwt"}, {}, rsa)
    assert reason_for(tokens, token) == "algorithm"


def test_another_kind_of_token_is_refused(tokens: AccessTokens) -> None:
    assert reason_for(tokens, signed({}, header={"typ": "JWT"})) == "type"


def test_another_secret_is_refused(tokens: AccessTokens) -> None:
    other = AccessTokens("x" * 40, timedelta(minutes=1), now=lambda: START)
    assert reason_for(tokens, other.issue(uuid4(), 1).text) == "signature"


def test_a_key_in_the_header_is_not_used(tokens: AccessTokens) -> None:
    own = OctKey.import_key(b"k" * 32)
    header = {"alg": "HS256", "typ": "at+jwt", "jwk": own.as_dict(private=True)}
    token = jwt.encode(header, {"sub": str(uuid4())}, own)
    assert reason_for(tokens, token) == "signature"


def test_raised_rights_cannot_be_signed_onto_a_token(tokens: AccessTokens) -> None:
    header, _, signature = signed({}).split(".")
    forged = segment({"iss": "customer-flow", "sub": str(uuid4()), "ver": 99})
    assert reason_for(tokens, f"{header}.{forged}.{signature}") == "signature"


@given(st.data())
def test_no_change_to_a_token_goes_unnoticed(data: st.DataObject) -> None:
    tokens = AccessTokens(SECRET, timedelta(minutes=1), now=lambda: START)
    token = signed({})
    at = data.draw(st.integers(0, len(token) - 1))
    instead = data.draw(st.characters(min_codepoint=0, max_codepoint=255))
    changed = token[:at] + instead + token[at + 1 :]
    if changed != token:
        reason_for(tokens, changed)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=3))
def test_any_header_is_refused_and_none_breaks_anything(value: object) -> None:
    tokens = AccessTokens(SECRET, timedelta(minutes=1), now=lambda: START)
    _, claims, signature = signed({}).split(".")
    for header in (value, {"alg": value}, {"alg": "HS256", "typ": "at+jwt", "crit": value}):
        reason_for(tokens, f"{segment(header)}.{claims}.{signature}")


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "é.b.c", "a" * 10_000, " . . "])
def test_what_is_no_token_is_refused(tokens: AccessTokens, token: str) -> None:
    assert reason_for(tokens, token) == "malformed"


def test_remembered_tokens_are_bounded(monkeypatch: pytest.MonkeyPatch, time: Time) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    bounded = AccessTokens(SECRET, timedelta(minutes=1), now=time)
    for _ in range(5):
        bounded.verify(bounded.issue(uuid4(), 1).text)
    assert len(bounded._verified) == 3
