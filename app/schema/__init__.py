"""The public GraphQL schema."""
