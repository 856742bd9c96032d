"""Which mutations move money or set rules, and so which roles nobody gives alone."""

from collections.abc import Collection, Iterable

from app.policies.roles import Role
from app.policies.rules import EVERYBODY, Effect, Rule

MOVES_MONEY = frozenset(
    {
        "postInvoice",
        "postDebitNote",
        "recordPayment",
        "issueCreditNote",
        "postOpeningBalance",
        "postDraft",
        "postEntries",
        "allocate",
        "undoAllocation",
        "reverseEntry",
        "writeOff",
        "postAdjustment",
        "approveRefund",
        "payRefund",
    }
)
SETS_RULES = frozenset(
    {
        "saveUser",
        "savePolicyRule",
        "createApiClient",
        "saveProduct",
        "createFiscalYear",
        "setCreditLimit",
        "grantTemporaryLimit",
        "overrideSuspension",
    }
)


def powerful_roles(rules: Collection[Rule], roles: Iterable[Role]) -> tuple[Role, ...]:
    """Those of the roles to which a rule allows such a mutation, on whatever rows.

    That another rule denies it is no excuse: it may be taken away later, and the role stays.
    """
    coordinates = {f"Mutation.{name}" for name in MOVES_MONEY | SETS_RULES}
    allowed = {
        rule.subject for rule in rules if rule.effect is Effect.ALLOW and rule.object in coordinates
    }
    return tuple(role for role in roles if allowed & {role, EVERYBODY})
