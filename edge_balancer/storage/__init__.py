"""The controller's memory on disk: one SQLite file with telemetry, the audit trail and what a restart must know.

`store` is the synchronous core, `thread` its face towards the event loop, `verify` and `export` read a live file or a
copy without writing to it. Decides nothing, and publishes nothing: a store that cannot save says so and the engine
reacts.
"""
