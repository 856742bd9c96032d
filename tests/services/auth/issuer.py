"""An outside issuer for the tests: a real HTTP server that serves keys made here."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, RSAKey

AUDIENCE = "customer-flow-test"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec", "use": "sig"})
STRANGER = RSAKey.generate_key(2048, {"kid": "rsa"})


@dataclass
class Issuer:
    """What it serves, and how often it was asked."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    discovery: dict[str, Any] = field(default_factory=dict)
    body: bytes | None = None
    asked: list[str] = field(default_factory=list)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ")[1].decode()
        self.asked.append(path)
        document = {"keys": self.keys} if path == "/keys" else self.discovery
        body = json.dumps(document).encode() if self.body is None else self.body
        head = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        writer.write(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    def token(
        self,
        changes: dict[str, Any],
        *,
        key: Key = RSA,
        header: dict[str, Any] | None = None,
    ) -> str:
        """What this issuer would sign, but for the changes; None leaves a claim out."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "248289761001",
            "iat": now,
            "exp": now + 300,
            "email_verified": True,
        } | changes
        algorithm = {"RSA": "RS256", "EC": "ES256", "oct": "HS256"}[key.key_type]
        return jwt.encode(
            {"alg": algorithm, "kid": key.kid} | (header or {}),
            {name: value for name, value in claims.items() if value is not None},
            key,
            algorithms=["RS256", "ES256", "HS256", "RS512", "PS256"],
        )


def public(key: Key) -> dict[str, Any]:
    return key.as_dict(private=False)
