"""The Grafana dashboard: whole, on documented metrics alone, in queries that Prometheus understands."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edge_balancer.dashboard.metric_names import ENTRIES

ROOT: Final = Path(__file__).parents[2]
DASHBOARD: Final[dict[str, Any]] = json.loads((ROOT / "config/grafana/feeder.json").read_text(encoding="utf-8"))
LABELS: Final = {entry.name.full: set(entry.name.labels) | {"instance"} for entry in ENTRIES} | {"up": {"instance"}}
VARIABLES: Final = {"datasource", "feeder", "instance"}
_WORD: Final = re.compile(r"\b(edge_balancer_\w+|up)\b(?:\{([^}]*)\})?")
_OWN: Final = {"__rate_interval"}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str, str]]:
    """Panel, expression and legend of every query, those of variables and annotations included."""
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for note in DASHBOARD["annotations"]["list"]:
        if "expr" in note:
            yield note["name"], note["expr"], ""
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            assert variable["query"]["query"] == variable["definition"]
            yield variable["name"], selector, f"{{{{{label}}}}}"


def test_every_metric_is_documented_and_has_the_labels_that_are_used() -> None:
    found = 0
    for panel, expression, legend in queries():
        used = _WORD.findall(expression)
        assert used, panel
        wanted = set(re.findall(r"\{\{(\w+)\}\}", legend))
        for metric, selector in used:
            assert metric in LABELS, (panel, metric)
            assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= LABELS[metric], (panel, metric)
            assert wanted <= LABELS[metric], (panel, metric, wanted)
            found += 1
    assert found >= 45


def test_every_query_asks_one_controller_alone() -> None:
    for panel, expression, _ in queries():
        for metric, selector in _WORD.findall(expression):
            assert 'instance="$instance"' in selector or metric == "edge_balancer_build_info", panel


def test_what_is_worth_an_eye_is_on_it() -> None:
    shown = {metric for _, expression, _ in queries() for metric, _ in _WORD.findall(expression)}
    by_topic = (
        "neutral_current",
        "phase_power",
        "phase_voltage",
        "operations",
        "house_locked",
        "broker",
        "storage",
        "halted",
    )
    for topic in by_topic:
        names = {entry.name.full for entry in ENTRIES if entry.name.name.startswith(topic)}
        assert names, topic
        assert names <= shown, names - shown


def test_it_names_no_data_source_of_its_own() -> None:
    text = json.dumps(DASHBOARD)
    assert set(re.findall(r'"uid": "(\$\{\w+\}|[^"]*)"', text)) <= {
        "${datasource}",
        "-- Grafana --",
        DASHBOARD["uid"],
    }
    used = set(re.findall(r"\$\{?(\w+)\}?", text)) - _OWN
    assert used == VARIABLES == {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert DASHBOARD["id"] is None


def test_panels_have_ids_of_their_own_and_do_not_cover_one_another() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    boxes = [(panel["title"], panel["gridPos"]) for panel in DASHBOARD["panels"]]
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = (
            a["x"] + a["w"] <= b["x"]
            or b["x"] + b["w"] <= a["x"]
            or a["y"] + a["h"] <= b["y"]
            or b["y"] + b["h"] <= a["y"]
        )
        assert apart, (one, other)
    assert all(box["x"] + box["w"] <= 24 for _, box in boxes)


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    rules = []
    for number, (_, expression, _) in enumerate(queries()):
        filled = expression.replace("$__rate_interval", "1m").replace("$instance", "pi:8080").replace("$feeder", "f")
        rules.append({"record": f"query:{number}", "expr": filled})
    file = tmp_path / "rules.yml"
    # JSON is YAML.
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run((promtool, "check", "rules", file), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
