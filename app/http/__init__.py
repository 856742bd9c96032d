"""The HTTP edge: GraphQL over HTTP, health, metrics, and the IDE page."""
