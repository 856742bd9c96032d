"""Who may do and see what: rules, compiled into grants that cost nothing to ask."""
