"""Customers: created, changed field by field, assigned, deleted and restored."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson
import pytest

from app.domain.customer_fields import Address
from app.domain.errors import DomainError, ErrorCode
from app.infra.database import Database
from app.policies.roles import Role
from app.services.customers.assign import AssignCustomer, assign_customer
from app.services.customers.create import CreateCustomer, create_customer
from app.services.customers.delete import (
    DeleteCustomer,
    RestoreCustomer,
    delete_customer,
    restore_customer,
)
from app.services.customers.update import Preferences, UpdateCustomer, update_customer
from tests.factories import (
    Books,
    actor_for,
    actor_of,
    make_customer,
    make_team,
    make_user,
    open_books,
)
from tests.invariants import broken, snapshot

Owner = asyncpg.Connection
E = ErrorCode
NEW = CreateCustomer(code="ACME", business_name="Acme Ltd", currency="EUR")
ADDRESS = Address(line1="1 Main St", city="Berlin", country="DE")


UNNAMED = replace(NEW, code=None)


async def row_of(owner: Owner, customer_id: UUID) -> asyncpg.Record:
    return await owner.fetchrow("SELECT * FROM customers WHERE id = $1", customer_id)


async def refused(database: Database, service: Any, actor: Any, command: Any) -> DomainError:
    with pytest.raises(DomainError) as refusal:
        await database.run(lambda tx: service(tx, actor, command))
    return refusal.value


class TestCreating:
    async def test_a_customer_begins_with_an_empty_account(
        self, database: Database, owner: Owner
    ) -> None:
        actor = await actor_for(database, Role.ACCOUNTANT, Role.CREDIT_MANAGER)
        command = replace(
            NEW,
            code="FULL",
            email="a@example.com",
            phone="+49 30 1234",
            billing_address=ADDRESS,
            tax_id="DE1",
            credit_limit=Decimal(1000),
            tags=("new", "new", "big"),
        )
        customer = await database.run(lambda tx: create_customer(tx, actor, command))
        row = await row_of(owner, customer)
        assert (row["code"], row["status"], row["version"]) == ("FULL", "ACTIVE", 1)
        assert (row["address_city"], row["tags"]) == ("Berlin", ["new", "big"])
        account = await owner.fetchrow("SELECT * FROM accounts WHERE customer_id = $1", customer)
        assert (str(account["current"]), str(account["credit_limit"])) == ("0.00", "1000.00")
        assert await broken(owner) == {}
        event = await owner.fetchrow("SELECT * FROM audit_events WHERE subject_id = $1", customer)
        assert (event["action"], event["customer_id"]) == ("createCustomer", customer)
        assert orjson.loads(event["after"])["code"] == "FULL"

    async def test_a_code_is_used_once(self, database: Database) -> None:
        actor = await actor_for(database, Role.ADMIN)
        command = replace(NEW, code="ONCE")
        outcomes = await asyncio.gather(
            *(database.run(lambda tx: create_customer(tx, actor, command)) for _ in range(4)),
            return_exceptions=True,
        )
        errors = [each for each in outcomes if isinstance(each, DomainError)]
        assert {(error.code, error.path) for error in errors} == {(E.DUPLICATE_CODE, ("code",))}
        assert len(errors) == 3

    async def test_without_a_code_the_next_that_nobody_has_is_given(
        self, database: Database, owner: Owner
    ) -> None:
        actor = await actor_for(database, Role.ADMIN)

        async def made() -> str:
            customer = await database.run(lambda tx: create_customer(tx, actor, UNNAMED))
            return str((await row_of(owner, customer))["code"])

        first = await made()
        number = int(first.removeprefix("C-"))
        await make_customer(database, code=f"C-{number + 1:06}")
        assert (first, await made()) == (f"C-{number:06}", f"C-{number + 2:06}")

    @pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.INTEGRATOR])
    async def test_who_assigns_and_limits_nobody_says_neither_of_a_new_customer(
        self, database: Database, role: Role
    ) -> None:
        actor = await actor_for(database, role)
        for change, path in (
            ({"credit_limit": Decimal(1)}, "creditLimit"),
            ({"assigned_to": actor.user_id}, "assignedTo"),
        ):
            error = await refused(database, create_customer, actor, replace(UNNAMED, **change))
            assert (error.code, error.path) == (E.FORBIDDEN, (path,))

    async def test_a_representatives_customer_is_the_representatives(
        self, database: Database, owner: Owner
    ) -> None:
        rep = await actor_for(database, Role.SALES_REP)
        customer = await database.run(lambda tx: create_customer(tx, rep, UNNAMED))
        assert (await row_of(owner, customer))["assigned_to"] == rep.user_id

    @pytest.mark.parametrize(
        ("change", "code", "path"),
        [
            ({"code": "R2"}, E.FORBIDDEN, "code"),
            ({"tax_id": "DE1"}, E.FORBIDDEN, "taxId"),
            ({"credit_limit": Decimal(1)}, E.FORBIDDEN, "creditLimit"),
            ({"assigned_to": uuid4()}, E.NOT_FOUND, "assignedTo"),
        ],
    )
    async def test_what_a_representative_may_not_say(
        self, database: Database, owner: Owner, change: dict[str, Any], code: E, path: str
    ) -> None:
        rep = await actor_for(database, Role.SALES_REP)
        before = await snapshot(owner)
        error = await refused(database, create_customer, rep, replace(UNNAMED, **change))
        assert (error.code, error.path) == (code, (path,))
        assert await snapshot(owner) == before

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"code": ""}, "code"),
            ({"code": "x" * 41}, "code"),
            ({"code": "a\0"}, "code"),
            ({"business_name": " "}, "businessName"),
            ({"business_name": "x" * 10**6}, "businessName"),
            ({"currency": "XXX"}, "currency"),
            ({"currency": "eur"}, "currency"),
            ({"email": "nobody"}, "email"),
            ({"phone": "call me"}, "phone"),
            ({"payment_terms_days": -1}, "paymentTermsDays"),
            ({"payment_terms_days": 366}, "paymentTermsDays"),
            ({"credit_limit": Decimal(-1)}, "creditLimit"),
            ({"credit_limit": Decimal("0.001")}, "creditLimit"),
            ({"billing_address": replace(ADDRESS, country="XX")}, "billingAddress.country"),
            ({"billing_address": replace(ADDRESS, city="")}, "billingAddress.city"),
            ({"tags": ("a", "")}, "tags.1"),
            ({"tags": ("a",) * 51}, "tags"),
        ],
    )
    async def test_bad_input_is_named(
        self, database: Database, owner: Owner, change: dict[str, Any], path: str
    ) -> None:
        admin = await actor_for(database, Role.ADMIN)
        before = await snapshot(owner)
        error = await refused(database, create_customer, admin, replace(NEW, **change))
        assert (error.code, ".".join(error.path)) == (E.VALIDATION, path)
        assert await snapshot(owner) == before


class TestUpdating:
    async def test_only_what_is_supplied_changes(self, database: Database, owner: Owner) -> None:
        actor = await actor_for(database, Role.ACCOUNTANT)
        customer = await make_customer(database, email="old@example.com", phone="12345")
        command = UpdateCustomer(
            customer_id=customer,
            expected_version=1,
            email=None,
            billing_address=ADDRESS,
            payment_terms_days=60,
            notes="Two\nlines",
            preferences=Preferences(receive_sms=True, quiet_from="21:30"),
        )
        await database.run(lambda tx: update_customer(tx, actor, command))
        row = await row_of(owner, customer)
        assert (row["email"], row["phone"], row["notes"]) == (None, "12345", "Two\nlines")
        assert (row["address_line1"], row["payment_terms_days"]) == ("1 Main St", 60)
        assert (row["receive_sms"], row["receive_emails"], row["quiet_from"]) == (
            True,
            True,
            "21:30",
        )
        assert row["version"] == 2
        event = await owner.fetchrow(
            "SELECT * FROM audit_events WHERE subject_id = $1 AND action = 'updateCustomer'",
            customer,
        )
        assert orjson.loads(event["before"])["email"] == "old@example.com"
        assert orjson.loads(event["after"])["email"] is None
        assert "phone" not in orjson.loads(event["after"])

    async def test_what_does_not_differ_is_no_change(
        self, database: Database, owner: Owner
    ) -> None:
        actor = await actor_for(database, Role.ACCOUNTANT)
        customer = await make_customer(database, phone="12345")
        before = await snapshot(owner)
        command = UpdateCustomer(customer_id=customer, expected_version=1, phone="12345")
        await database.run(lambda tx: update_customer(tx, actor, command))
        assert await snapshot(owner) == before

    async def test_of_two_at_once_one_is_stale(self, database: Database) -> None:
        actor = await actor_for(database, Role.ACCOUNTANT)
        customer = await make_customer(database)
        outcomes = await asyncio.gather(
            *(
                database.run(
                    lambda tx, notes=f"note {index}": update_customer(
                        tx,
                        actor,
                        UpdateCustomer(customer_id=customer, expected_version=1, notes=notes),
                    )
                )
                for index in range(4)
            ),
            return_exceptions=True,
        )
        errors = [each for each in outcomes if isinstance(each, DomainError)]
        assert [error.code for error in errors] == [E.CONFLICT] * 3
        assert errors[0].path == ("expectedVersion",)
        assert errors[0].details == {"expectedVersion": 1, "version": 2}

    async def test_each_field_has_a_right_of_its_own(
        self, database: Database, owner: Owner
    ) -> None:
        rep = await actor_for(database, Role.SALES_REP)
        customer = await make_customer(database, assigned_to=rep.user_id)
        allowed = UpdateCustomer(customer_id=customer, expected_version=1, phone="12345")
        await database.run(lambda tx: update_customer(tx, rep, allowed))
        before = await snapshot(owner)
        for change, field in (
            ({"notes": "x"}, "notes"),
            ({"tax_id": "x"}, "taxId"),
            ({"payment_terms_days": 300}, "paymentTermsDays"),
        ):
            command = replace(allowed, expected_version=2, **change)
            error = await refused(database, update_customer, rep, command)
            assert (error.code, error.path) == (E.FORBIDDEN, (field,))
        assert await snapshot(owner) == before

    async def test_a_portal_log_in_changes_its_own_contact_data_only(
        self, database: Database, owner: Owner
    ) -> None:
        own, other = await make_customer(database), await make_customer(database)
        portal = await actor_for(database, Role.CUSTOMER, customer=own)
        command = UpdateCustomer(customer_id=own, expected_version=1, phone="12345")
        await database.run(lambda tx: update_customer(tx, portal, command))
        assert (await row_of(owner, own))["phone"] == "12345"
        hidden = replace(command, customer_id=other)
        error = await refused(database, update_customer, portal, hidden)
        assert (error.code, error.path) == (E.NOT_FOUND, ("id",))

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"business_name": None}, "businessName"),
            ({"tags": None}, "tags"),
            ({"email": "x"}, "email"),
            ({"preferences": Preferences(locale="English")}, "preferences.locale"),
            ({"preferences": Preferences(locale=None)}, "preferences.locale"),
            ({"preferences": Preferences(time_zone="Mars/Olympus")}, "preferences.timeZone"),
            ({"preferences": Preferences(quiet_until="24:00")}, "preferences.quietUntil"),
        ],
    )
    async def test_bad_input_is_named(
        self, database: Database, change: dict[str, Any], path: str
    ) -> None:
        admin = await actor_for(database, Role.ADMIN)
        customer = await make_customer(database)
        command = UpdateCustomer(customer_id=customer, expected_version=1, **change)
        error = await refused(database, update_customer, admin, command)
        assert (error.code, ".".join(error.path)) == (E.VALIDATION, path)


class TestAssigning:
    async def test_a_manager_gives_customers_to_the_team_and_nobody_else(
        self, database: Database, owner: Owner
    ) -> None:
        manager = await make_user(database, Role.SALES_MANAGER)
        team = await make_team(database, manager=manager)
        member = await make_user(database, Role.SALES_REP, team=team)
        second = await make_user(database, Role.SALES_REP, team=team)
        suspended = await make_user(database, Role.SALES_REP, team=team, is_active=False)
        stranger = await make_user(database, Role.SALES_REP)
        actor = actor_of(manager, Role.SALES_MANAGER)
        customer = await make_customer(database, assigned_to=member)
        command = AssignCustomer(customer_id=customer, expected_version=1, assigned_to=second)
        await database.run(lambda tx: assign_customer(tx, actor, command))
        assert (await row_of(owner, customer))["assigned_to"] == second
        before = await snapshot(owner)
        for target, code in (
            (stranger, E.NOT_FOUND),
            (uuid4(), E.NOT_FOUND),
            (suspended, E.VALIDATION),
            (None, E.FORBIDDEN),
        ):
            again = replace(command, expected_version=2, assigned_to=target)
            error = await refused(database, assign_customer, actor, again)
            assert (error.code, error.path) == (code, ("assignedTo",))
        foreign = await make_customer(database, assigned_to=stranger)
        outside = replace(command, customer_id=foreign)
        assert (await refused(database, assign_customer, actor, outside)).code is E.NOT_FOUND
        after = await snapshot(owner)
        assert {name for name in after if after[name] != before[name]} <= {"customers", "accounts"}

    async def test_an_administrator_assigns_anybody_and_nobody(
        self, database: Database, owner: Owner
    ) -> None:
        admin = await actor_for(database, Role.ADMIN)
        rep = await make_user(database, Role.SALES_REP)
        customer = await make_customer(database)
        for version, target in enumerate((rep, None), start=1):
            command = AssignCustomer(
                customer_id=customer, expected_version=version, assigned_to=target
            )
            await database.run(lambda tx, command=command: assign_customer(tx, admin, command))
            assert (await row_of(owner, customer))["assigned_to"] == target


class TestDeleting:
    async def test_deleted_and_restored(self, database: Database, owner: Owner) -> None:
        admin = await actor_for(database, Role.ADMIN)
        customer = await make_customer(database)
        deletion = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed down")
        await database.run(lambda tx: delete_customer(tx, admin, deletion))
        row = await row_of(owner, customer)
        assert (row["status"], row["version"], row["deleted_at"] is not None) == (
            "DELETED",
            2,
            True,
        )
        again = replace(deletion, expected_version=2)
        assert (await refused(database, delete_customer, admin, again)).code is E.CUSTOMER_DELETED
        change = UpdateCustomer(customer_id=customer, expected_version=2, phone="12345")
        assert (await refused(database, update_customer, admin, change)).code is E.CUSTOMER_DELETED
        restoration = RestoreCustomer(customer_id=customer, expected_version=2)
        await database.run(lambda tx: restore_customer(tx, admin, restoration))
        row = await row_of(owner, customer)
        assert (row["status"], row["deleted_at"]) == ("ACTIVE", None)
        active = replace(restoration, expected_version=3)
        assert (await refused(database, restore_customer, admin, active)).code is E.INVALID_STATE
        reasons = await owner.fetch(
            "SELECT action, reason FROM audit_events WHERE subject_id = $1 ORDER BY id", customer
        )
        assert [tuple(each) for each in reasons] == [
            ("deleteCustomer", "Closed down"),
            ("restoreCustomer", None),
        ]

    @pytest.mark.parametrize("paid", [False, True])
    async def test_a_customer_who_owes_or_is_owed_stays(
        self, database: Database, owner: Owner, paid: bool
    ) -> None:
        books: Books = await open_books(database)
        admin = await actor_for(database, Role.ADMIN)
        customer = await make_customer(database)
        await books.invoice(customer, "10")
        if paid:
            await books.pay(customer, "11")
        before = await snapshot(owner)
        deletion = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed")
        error = await refused(database, delete_customer, admin, deletion)
        assert (error.code, error.path) == (E.CUSTOMER_NOT_EMPTY, ("id",))
        assert await snapshot(owner) == before

    async def test_a_deletion_does_not_lift_a_suspension(self, database: Database) -> None:
        admin = await actor_for(database, Role.ADMIN)
        customer = await make_customer(database, status="SUSPENDED")
        deletion = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed")
        assert (await refused(database, delete_customer, admin, deletion)).code is E.INVALID_STATE

    async def test_only_an_administrator_deletes(self, database: Database) -> None:
        customer = await make_customer(database)
        deletion = DeleteCustomer(customer_id=customer, expected_version=1, reason="Closed")
        for role in set(Role) - {Role.ADMIN}:
            actor = await actor_for(database, role, customer=customer)
            error = await refused(database, delete_customer, actor, deletion)
            assert error.code is E.FORBIDDEN
