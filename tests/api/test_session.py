"""Log-in, refresh, suspension and change of rights, over HTTP and across two server processes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.domain import global_id
from app.infra.database import Database
from app.policies.roles import Role
from app.schema.root import schema
from app.services.auth.passwords import Passwords
from app.services.seeding import SeededUser, seed_hashed_user
from tests.api.stage import NEAR_FACTS, Stage, customer_name, make_stage
from tests.serving import Client, Server, new_http, serving

PASSWORD = "correct horse battery staple"
SIGNED_IN = "accessToken refreshToken expiresAt userErrors { code message path details }"
LOG_IN = f"""mutation($input: LoginInput!) {{
    login(input: $input) {{ {SIGNED_IN} viewer {{ roles user {{ id name email }} }} }}
}}"""
REFRESH = f"mutation($input: RefreshInput!) {{ refreshToken(input: $input) {{ {SIGNED_IN} }} }}"
WHO = "{ viewer { roles user { id } } }"
MUTATIONS = sorted(f"Mutation.{name}" for name in schema._schema.mutation_type.fields)


@dataclass
class House:
    """Two processes on one database, and who lives there."""

    stage: Stage
    other: httpx.AsyncClient
    database: Database
    password_hash: str
    secrets: set[str] = field(default_factory=set)

    async def user(self, *roles: Role) -> tuple[UUID, str]:
        """A new user who can log in: their id and e-mail."""
        email = f"{uuid4().hex}@example.com"
        user = SeededUser(email=email, name="Ada", roles=roles)
        user_id = await self.database.run(lambda tx: seed_hashed_user(tx, user, self.password_hash))
        self.secrets.add(email)
        return user_id, email

    async def log_in(self, email: str, password: str = PASSWORD) -> Any:
        reply = await Client(self.stage.http).ask(
            LOG_IN, {"input": {"email": email, "password": password}}
        )
        return self._kept(reply.field("login"))

    async def refresh(self, token: str) -> Any:
        reply = await Client(self.stage.http).ask(REFRESH, {"input": {"refreshToken": token}})
        return self._kept(reply.field("refreshToken"))

    async def save(self, user_id: UUID, email: str, *roles: Role, is_active: bool = True) -> None:
        """What an administrator makes of a user."""
        given = {
            "id": global_id.encode("User", user_id),
            "email": email,
            "name": "Ada",
            "roles": [str(role) for role in roles],
            "isActive": is_active,
        }
        text = "mutation($i: SaveUserInput!) { saveUser(input: $i) { userErrors { code } } }"
        reply = await self.stage.people[Role.ADMIN].client.ask(text, {"i": given})
        assert reply.field("saveUser") == {"userErrors": []}

    def _kept(self, payload: Any) -> Any:
        self.secrets |= {payload["accessToken"], payload["refreshToken"]} - {None}
        return payload


@pytest.fixture(scope="module")
async def house(
    database: Database, server: Server, http: httpx.AsyncClient, redis_url: str
) -> AsyncIterator[House]:
    passwords = Passwords()
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    async with (
        serving(server.database_url, redis_url, secret_key=server.secret_key) as other,
        new_http(other) as other_http,
    ):
        made = House(await make_stage(database, server, http), other_http, database, password_hash)
        made.secrets |= {PASSWORD, server.secret_key}
        yield made
        for each in (server, other):
            assert each.faults == []
            assert [secret for secret in made.secrets if secret in each.log] == []


async def test_a_log_in_is_good_for_queries(house: House) -> None:
    user_id, email = await house.user(Role.SUPPORT)
    payload = await house.log_in(f" {email.upper()} ")
    name = global_id.encode("User", user_id)
    assert payload["userErrors"] == []
    assert payload["viewer"] == {
        "roles": ["SUPPORT"],
        "user": {"id": name, "name": "Ada", "email": None},
    }
    for http in (house.stage.http, house.other):
        reply = await Client(http, payload["accessToken"]).ask(WHO)
        assert reply.field("viewer") == {"roles": ["SUPPORT"], "user": {"id": name}}


async def test_every_wrong_log_in_looks_alike(house: House) -> None:
    user_id, suspended = await house.user(Role.SUPPORT)
    await house.save(user_id, suspended, Role.SUPPORT, is_active=False)
    _, email = await house.user(Role.SUPPORT)
    answers = [
        await house.log_in(email, "wrong"),
        await house.log_in("nobody@example.com"),
        await house.log_in(suspended),
        await house.log_in("a" * 5_000),
        await house.log_in(email, "x" * 5_000),
        await house.log_in(email, "\N{SNOWMAN}\x01"),
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["viewer"] is answers[0]["accessToken"] is answers[0]["refreshToken"] is None
    (error,) = answers[0]["userErrors"]
    assert (error["code"], error["path"], error["details"]) == ("FORBIDDEN", [], None)


async def test_a_suspended_user_stops_at_once(house: House) -> None:
    user_id, email = await house.user(Role.ACCOUNTANT)
    payload = await house.log_in(email)
    clients = [Client(http, payload["accessToken"]) for http in (house.stage.http, house.other)]
    for client in clients:
        assert (await client.ask(WHO)).status == 200
    await house.save(user_id, email, Role.ACCOUNTANT, is_active=False)
    for client in clients:
        reply = await client.ask(WHO)
        assert reply.status == 401
        assert [each["extensions"]["code"] for each in reply.json["errors"]] == ["UNAUTHENTICATED"]
        assert "data" not in reply.json
    (error,) = (await house.refresh(payload["refreshToken"]))["userErrors"]
    assert error["code"] == "FORBIDDEN"
    await house.save(user_id, email, Role.ACCOUNTANT)
    (error,) = (await house.refresh(payload["refreshToken"]))["userErrors"]
    assert error["code"] == "FORBIDDEN"
    assert (await clients[0].ask(WHO)).status == 401
    assert (await house.log_in(email))["userErrors"] == []


LOG_OUT = "mutation($i: LogoutInput!) { logout(input: $i) { userErrors { code path } } }"


async def log_out(house: House, given: dict[str, Any], token: str | None = None) -> Any:
    reply = await Client(house.stage.http, token).ask(LOG_OUT, {"i": given})
    return reply.field("logout")["userErrors"]


async def is_in(house: House, payload: Any) -> list[int]:
    """What both processes say to an access token."""
    clients = [Client(http, payload["accessToken"]) for http in (house.stage.http, house.other)]
    return [(await client.ask(WHO)).status for client in clients]


async def test_who_logs_out_is_out_at_once_in_every_process(house: House) -> None:
    _, email = await house.user(Role.SUPPORT)
    here, elsewhere = await house.log_in(email), await house.log_in(email)
    assert await is_in(house, here) == [200, 200]
    assert await log_out(house, {"refreshToken": here["refreshToken"]}) == []
    assert await is_in(house, here) == [401, 401]
    assert (await house.refresh(here["refreshToken"]))["userErrors"] != []
    # The other log-in stays: its refresh token is good.
    renewed = await house.refresh(elsewhere["refreshToken"])
    assert renewed["userErrors"] == []
    assert await log_out(house, {"refreshToken": here["refreshToken"]}) == []
    assert await is_in(house, renewed) == [200, 200]


@pytest.mark.parametrize("is_signed_in", [True, False])
async def test_logging_out_everywhere_ends_every_log_in(
    house: House, *, is_signed_in: bool
) -> None:
    _, email = await house.user(Role.SUPPORT)
    here, elsewhere = await house.log_in(email), await house.log_in(email)
    named = {} if is_signed_in else {"refreshToken": here["refreshToken"]}
    token = elsewhere["accessToken"] if is_signed_in else None
    assert await log_out(house, {"everywhere": True} | named, token) == []
    for each in (here, elsewhere):
        assert await is_in(house, each) == [401, 401]
        assert (await house.refresh(each["refreshToken"]))["userErrors"] != []


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({}, ["refreshToken"]),
        ({"everywhere": True}, ["refreshToken"]),
        ({"session": "x", "everywhere": True}, ["session"]),
    ],
)
async def test_a_log_out_says_of_what(house: House, given: dict[str, Any], path: Any) -> None:
    assert await log_out(house, given) == [{"code": "VALIDATION", "path": path}]


async def test_reuse_of_a_refresh_token_ends_its_access_tokens_too(house: House) -> None:
    _, email = await house.user(Role.SUPPORT)
    first = await house.log_in(email)
    second = await house.refresh(first["refreshToken"])
    assert await is_in(house, second) == [200, 200]
    assert (await house.refresh(first["refreshToken"]))["userErrors"] != []
    for payload in (first, second):
        assert await is_in(house, payload) == [401, 401]


async def test_a_refresh_token_is_good_once(house: House) -> None:
    _, email = await house.user(Role.SUPPORT)
    first = await house.log_in(email)
    second = await house.refresh(first["refreshToken"])
    third = await house.refresh(second["refreshToken"])
    assert len({each["refreshToken"] for each in (first, second, third)}) == 3
    assert (await Client(house.other, third["accessToken"]).ask(WHO)).status == 200
    for stolen in (first, third):  # the second use ends what came of it, too
        refused = await house.refresh(stolen["refreshToken"])
        (error,) = refused["userErrors"]
        assert (error["code"], error["path"]) == ("FORBIDDEN", ["refreshToken"])
        assert refused["accessToken"] is None


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é" * 43, "A" * 5_000])
async def test_what_is_no_refresh_token_is_refused(house: House, token: str) -> None:
    (error,) = (await house.refresh(token))["userErrors"]
    assert (error["code"], error["path"]) == ("FORBIDDEN", ["refreshToken"])


async def test_a_change_of_role_counts_for_the_next_request_elsewhere(house: House) -> None:
    """The other process remembers the actor: it must not act on what it remembers."""
    user_id, email = await house.user(Role.ACCOUNTANT)
    payload = await house.log_in(email)
    client = Client(house.other, payload["accessToken"])
    customer = await house.stage.customer(near=True)
    assert (await _pay(client, customer)).field("recordPayment")["userErrors"] == []
    await house.save(user_id, email, Role.SUPPORT)
    assert (await _pay(client, customer)).status == 401
    assert await _entries(house, customer) == 1
    fresh = await house.refresh(payload["refreshToken"])
    demoted = Client(house.other, fresh["accessToken"])
    (error,) = (await _pay(demoted, customer)).field("recordPayment")["userErrors"]
    assert error["code"] == "FORBIDDEN"
    assert (await demoted.ask(WHO)).field("viewer")["roles"] == ["SUPPORT"]
    assert await _entries(house, customer) == 1


async def test_a_change_of_policy_counts_for_the_next_request_elsewhere(house: House) -> None:
    user_id, email = await house.user(Role.ACCOUNTANT)
    payload = await house.log_in(email)
    client = Client(house.other, payload["accessToken"])
    customer = await house.stage.customer(near=True)
    assert (await _pay(client, customer)).field("recordPayment")["userErrors"] == []
    await house.database.write_pool.execute(
        "INSERT INTO policy_rules (subject, object, action, scope, effect) "
        "VALUES ($1, 'Mutation.recordPayment', 'execute', 'ALL', 'DENY')",
        f"user:{user_id}",
    )
    (error,) = (await _pay(client, customer)).field("recordPayment")["userErrors"]
    assert error["code"] == "FORBIDDEN"
    assert await _entries(house, customer) == 1


async def test_too_many_attempts_are_refused_unseen(house: House) -> None:
    _, email = await house.user(Role.SUPPORT)
    _, another = await house.user(Role.SUPPORT)
    for _ in range(10):
        (error,) = (await house.log_in(email, "wrong"))["userErrors"]
        assert error["code"] == "FORBIDDEN"
    for password in ("wrong", PASSWORD):
        (error,) = (await house.log_in(email, password))["userErrors"]
        assert error["code"] == "RATE_LIMITED"
        assert 0 < error["details"]["retryAfterSeconds"] <= 15 * 60
    assert (await house.log_in(another))["userErrors"] == []


@pytest.mark.parametrize("role", Role, ids=str)
async def test_a_viewer_learns_what_they_may(house: House, role: Role) -> None:
    near, far = [await house.stage.customer(near=each) for each in (True, False)]
    person = await house.stage.person(role, near)
    asked = " ".join(
        f'm{n}: explainAccess(coordinate: "{name}") {{ coordinate effect rowVisible }}'
        for n, name in enumerate(MUTATIONS)
    )
    rows = 'explainAccess(coordinate: "Customer.code", node: $%s) { effect scope rowVisible }'
    reply = await person.client.ask(
        f"""query($near: ID!, $far: ID!) {{ viewer {{
            roles user {{ id }} permissions {{ coordinate action scope effect }} {asked}
            near: {rows % "near"} far: {rows % "far"}
        }} }}""",
        {"near": customer_name(near), "far": customer_name(far)},
    )
    viewer = reply.field("viewer")
    assert (viewer["roles"], viewer["user"]) == ([str(role)], {"id": person.name})
    allowed = {name for name in MUTATIONS if person.grant.may_execute(name)}
    listed = {
        each["coordinate"]
        for each in viewer["permissions"]
        if (each["action"], each["effect"]) == ("execute", "ALLOW")
    }
    assert listed & set(MUTATIONS) == allowed
    for n, name in enumerate(MUTATIONS):
        effect = "ALLOW" if name in allowed else "DENY"
        assert viewer[f"m{n}"] == {"coordinate": name, "effect": effect, "rowVisible": None}
    visible = person.grant.rows("Customer")
    assert viewer["near"]["rowVisible"] is visible.holds(NEAR_FACTS.get(role, frozenset()))
    assert viewer["far"]["rowVisible"] is visible.holds(frozenset())


@pytest.mark.parametrize("role", Role, ids=str)
async def test_what_is_explained_is_what_is_done(house: House, role: Role) -> None:
    """Each guarded field of a customer: whole, masked or withheld, as explainAccess says."""
    fields = ("email", "phone", "taxId", "notes", "creditLimit", "pendingBalance")
    given = {
        "email": "customer@example.com",
        "phone": "+49 30 123456",
        "tax_id": "DE123456789",
        "notes": "Pays late",
    }
    customer = await house.stage.customer(near=True, **given)
    person = await house.stage.person(role, customer)
    explained = " ".join(
        f'{name}: explainAccess(coordinate: "Customer.{name}", node: $id) {{ effect }}'
        for name in fields
    )
    reply = await person.client.ask(
        f"""query($id: ID!) {{
            viewer {{ {explained} }} customer(id: $id) {{ {" ".join(fields)} }}
        }}""",
        {"id": customer_name(customer)},
    )
    effects = {name: it["effect"] for name, it in reply.field("viewer").items()}
    row = reply.field("customer")
    extensions = reply.json.get("extensions", {})
    withheld = {name for name in fields if effects[name] == "DENY"}
    masked = {name for name in fields if effects[name] == "MASK"}
    assert set(extensions.get("withheld", ())) == {f"Customer.{name}" for name in withheld}
    assert set(extensions.get("masked", ())) == {f"Customer.{name}" for name in masked}
    assert {name for name in fields if row[name] is None} == withheld
    assert {name for name in fields if "•" in (row[name] or "")} == masked


async def _pay(client: Client, customer: UUID) -> Any:
    text = """mutation($input: RecordPaymentInput!) {
        recordPayment(input: $input) { userErrors { code } }
    }"""
    given = {
        "customer": customer_name(customer),
        "idempotencyKey": str(uuid4()),
        "transactionDate": "2026-03-10",
        "amount": "1.00",
        "method": "CASH",
    }
    return await client.ask(text, {"input": given})


async def _entries(house: House, customer: UUID) -> int:
    found: int = await house.database.read_pool.fetchval(
        "SELECT count(*) FROM ledger_entries WHERE customer_id = $1", customer
    )
    return found
