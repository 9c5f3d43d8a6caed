"""The page about observability and the dashboard name what is really there, and all of it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

from planexe_dag_factory.airflow import metrics
from planexe_dag_factory.ui import gauges

DOCS = Path(__file__).parents[2] / "docs"
NAMES = {
    value
    for module in (metrics, gauges)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
}
"""Each of them is seen in a real run: tests/airflow/test_live_telemetry.py."""


def test_the_page_lists_every_metric_and_no_other() -> None:
    page = (DOCS / "observability.md").read_text()
    assert set(re.findall(r"^\| `(planexe\.[a-z_.]+)` \|", page, re.MULTILINE)) == NAMES


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    panels = json.loads((DOCS / "grafana" / "planexe.json").read_text())["panels"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    assert set(re.findall(r"airflow_(planexe_[a-z_]+)", queries)) == {name.replace(".", "_") for name in NAMES}


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads((DOCS / "grafana" / "planexe.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for at in (panel["gridPos"] for panel in panels)
    ]
    assert not any(one & other for one, other in combinations(places, 2))


def test_the_page_names_every_problem_that_the_health_tells() -> None:
    page = (DOCS / "observability.md").read_text()
    source = (DOCS.parent / "planexe_dag_factory" / "ui" / "health.py").read_text()
    told = set(re.findall(r'(?:_finding\(\s*"(?:error|warning)", |_named\()"([a-z-]+)"', source))
    parts = {f"{part}-down" for part in ("metadatabase", "scheduler", "triggerer", "dag-processor")}
    assert set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", page.split("## Metrics")[0])) == told | parts
