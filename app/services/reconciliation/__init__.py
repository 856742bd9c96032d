"""Reconciliation: is everything that is stored what follows from the sub-ledger alone?"""
