"""docs/metrics.md, made from the table of names. A test holds the two together."""

from __future__ import annotations

from typing import Final

from edge_balancer.dashboard.metric_names import ENTRIES

_HEAD: Final = """\
# Metrics

The controller serves its figures to Prometheus at `/metrics`, beside the [page](page.md). These names are a contract:
none is renamed or changes its meaning; new ones may come. Units are in the names. A figure that is not known is left
out, not zero.

On loopback it is read freely. From another machine Prometheus sends a token of the role `viewer` ([access](access.md)):

```sh
edge-balancer token add prometheus --role viewer
```

```yaml
scrape_configs:
  - job_name: edge-balancer
    scheme: https
    authorization:
      credentials_file: /etc/prometheus/edge-balancer.token
    static_configs:
      - targets: ["transformer-7:8080"]
```

A figure is as old as the controller's last picture, a second at most. Reading costs a few milliseconds; every 15 s is
plenty. With many houses, those of single houses (`edge_balancer_house_...`) are most of the series.

| metric | type | labels | meaning |
| --- | --- | --- | --- |
"""
_TAIL: Final = """
Besides, for alerting: `up` (Prometheus' own) is 0 where the controller or its page is gone, and
`time() - timestamp(edge_balancer_uptime_seconds)` tells how old the last figures are.
"""


def metrics_markdown() -> str:
    """The whole page."""
    rows = []
    for entry in ENTRIES:
        name = entry.name
        kind = "gauge" if name.kind == "info" else name.kind
        labels = ", ".join(f"`{label}`" for label in name.labels)
        rows.append(f"| `{name.full}` | {kind} | {labels} | {name.help} |")
    return _HEAD + "\n".join(rows) + "\n" + _TAIL
