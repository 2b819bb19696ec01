"""The HTTP API: one table of routes, from which routing, the OpenAPI document and the check of roles are derived."""
