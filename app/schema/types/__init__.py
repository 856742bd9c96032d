"""Strawberry types: each field is declared once: what it is, whence it comes, who may read it."""
