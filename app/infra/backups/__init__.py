"""A backup is a directory: what PostgreSQL's own programs wrote, and a note about it."""
