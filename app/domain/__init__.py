"""The pure core: rules that take values and return values, tested without a database."""
