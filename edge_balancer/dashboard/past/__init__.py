"""What the API reads from the store: decisions, moves, alerts, history. Read-only connections in worker threads: the
writer never waits for them."""
