"""Customers: created, changed, assigned, deleted. Each change holds the customer's account row."""
