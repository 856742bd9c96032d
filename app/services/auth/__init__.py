"""Who is asking: log-in, access and refresh tokens, an outside issuer, and the actor."""
