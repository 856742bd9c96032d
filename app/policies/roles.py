"""The roles of the contract."""

from enum import StrEnum


class Role(StrEnum):
    """What a person or a program is to the company. Roles are additive."""

    ADMIN = "ADMIN"
    CONTROLLER = "CONTROLLER"
    ACCOUNTANT = "ACCOUNTANT"
    CREDIT_MANAGER = "CREDIT_MANAGER"
    SALES_MANAGER = "SALES_MANAGER"
    SALES_REP = "SALES_REP"
    SUPPORT = "SUPPORT"
    AUDITOR = "AUDITOR"
    INTEGRATOR = "INTEGRATOR"
    CUSTOMER = "CUSTOMER"
