"""Customers, invoices and settlements out of a file, through the services that everybody uses."""
