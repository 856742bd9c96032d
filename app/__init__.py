"""Customer Flow: an accounts-receivable server."""
