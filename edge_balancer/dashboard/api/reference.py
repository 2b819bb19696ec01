"""docs/api.md: its text, and the list of routes from the table. A test holds file and table together."""

from __future__ import annotations

from typing import Final

from edge_balancer.dashboard.access.roles import Role
from edge_balancer.dashboard.api.route import Route
from edge_balancer.dashboard.api.table import ROUTES

_HEAD: Final = """\
# The API

What the [page](page.md) shows, other programs can have too: JSON over HTTP, from the daemon itself. It is switched on
by default and listens on this machine alone (`http://127.0.0.1:8080/api/v1`; settings: section `dashboard` of the
[configuration](configuration.md)). Who may do what, and how to open it in the network, is on
[its own page](access.md). The whole description, with every field, is served as OpenAPI 3.1 at `/api/v1/openapi.json`.

```sh
curl -s http://127.0.0.1:8080/api/v1/phases | jq '{now: .i_n, without_moves: .unswitched.i_n}'
```

W, var, V, A, %, Unix seconds; `null` where unknown; power is positive when a house draws it. Fields may be added; none
changes its meaning or goes within `v1`.

## Routes

`role` is what a request needs: on loopback reading is free, orders always need a login or a token.

| request | role | what |
| --- | --- | --- |
"""
_TAIL: Final = """
## Lists, and what has not changed

Lists that grow are read page by page: `next` of one page goes into `cursor` (houses) or `before` (decisions, alerts) of
the next request; on the last page it is null. A cursor that no page can have given is refused with 400. Records that
this version cannot show, because another one wrote them or the disk has spoilt them, are left out: `unreadable` counts
those of a page, `edge_balancer_records_unreadable_total` all, and the export `trail` has them as they stand. Answers to
GET bear an `ETag`: sent back as `If-None-Match`, it spares what has not changed (304).

## History

`/history/feeder` and `/history/houses/{id}` give curves between `from` and `to` (Unix seconds; the last day where left
out) in at most `points` steps (10 to 2000, 600 by default). The controller decimates: each step has the mean, and the
least and greatest value that stood behind it, so that no peak is lost. A step in which nothing was measured is null.
Minutes are kept for `storage.minute_days`, quarters of an hour for `storage.quarter_days`; the last minute or two
(`storage.batch_s`) are not in the store yet. `/export` gives whole tables, as the command `edge-balancer export` does.
One that takes longer than an hour, or whose reader takes nothing for a minute, is cut off: the connection ends before
the file does.

## Orders

An order waits in line with those that MQTT brings, and the guard judges it as any other: the API opens no way around
it. The answer, 202 with an id, says that the control loop has it, milliseconds before its next turn:

```sh
curl -s -X POST http://127.0.0.1:8080/api/v1/switches/house-12/move \\
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -d '{"phase": "L3", "reason": "work on L1"}'
# {"accepted":true,"order":"0b0cb8ee-3f2b-4f5e-9f0c-6a5d1b1c2d3e"}
```

What became of it comes in the stream and in `/decisions` (`order` is that id): granted, or refused with the veto in
words. Every order stands in the audit trail with the account's or token's name and this id. What can never be done (no
such house, nothing locked) is refused at once with 404 or 409; where the control loop does not answer, 503 says that
the order was taken back.

## The stream

`/stream` sends server-sent events. It begins with `snapshot`, everything at once, and goes on with what changes:

| event | when | data |
| --- | --- | --- |
| `snapshot` | at the beginning | `status`, `phases`, `houses`, `alerts`, `silences`, the last 20 `decisions` |
| `feeder` | at least once a second, up to ten times when readings come | `status`, `phases` |
| `houses` | with it, where something changed | `t`, and `rows`: `[id, {field: value}]` of what changed |
| `decision` | when it is made, and when one of its moves has ended | the decision with `outcomes` |
| `command` | at each step of a command's life | `house`, `id`, `state`, `reason`, `t` |
| `alert` | when one comes, changes or ends | the alert |
| `silences` | when one begins or ends | `silences`: all that are in force |
| `mode` | when it is set | `mode`, `by` |

Each event has an id. A reader that comes back with `Last-Event-ID` (browsers do so by themselves) gets what it missed
of the last half minute or so, and a fresh `snapshot` where that is not enough. A reader that takes nothing for ten
seconds, or for which a megabyte waits, is let go; `dashboard.clients` bounds how many there are. A reading's age is
`status.t` less the house's `t`: both are the controller's clock.

## Errors

All are of the form of RFC 9457 (`application/problem+json`), with a `detail` that says what was wrong and what to do:

| status | means |
| --- | --- |
| 400, 415, 422 | the request is not understood; `detail` names the field |
| 401, 403 | a login or token is needed, or one with a greater role; or another site's page sent this |
| 404, 409 | there is no such thing, or it cannot be done as things stand |
| 421 | the `Host` is no name of this machine: see `dashboard.names` |
| 429 | too many failed logins |
| 500 | a defect of the program: the log says more, and control goes on |
| 503 | not now: the controller starts, too many ask at one time, or the store cannot be read |

## What it costs

The server is one thread with an event loop of its own. The control loop hands it a picture at most ten times a second
(once a second while nobody follows) and never waits for it; what five pages cost is in the
[bench](../scripts/bench/README.md). History is read on connections that cannot write, two at a time, each for ten
seconds at most. Where the server cannot run (a port that is taken, a certificate that is missing), the log says so once
with what to do, `B/diagnostics` shows it, and it is tried again; control goes on.
"""


def api_markdown() -> str:
    """The whole page."""
    return _HEAD + "\n".join(map(_row, ROUTES)) + "\n" + _TAIL


def _row(route: Route) -> str:
    path = route.full_path.replace(":path", "")
    role = "-" if route.need is Role.NONE else route.need.name.lower()
    return f"| `{route.method} {path}` | {role} | {route.summary} |"
