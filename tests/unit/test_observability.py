"""The alerts and the dashboard: each asks for what the service gives, in PromQL that parses."""

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from twisted.web.test.requesthelper import DummyRequest

from cookietrack_plugin.router.prometheus import MetricsResource
from tests.support.missing import missing

FOLDER = Path(__file__).parents[2] / "node_examples" / "observability"
RULES = FOLDER / "cookietrack.rules.yml"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
# Of Prometheus itself, for every target.
OF_TARGETS = {"instance", "job"}


def queries() -> dict[str, str]:
    """Every query, by where it stands."""
    found = {rule["alert"]: rule["expr"] for rule in ALERTS}
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


QUERIES = queries()


def parsed(query: str) -> Any:
    return promql_parser.parse(query.replace("$__rate_interval", "5m"))


def selectors(node: Any) -> Iterator[Any]:
    """The selectors below a node of a query, and its groupings as `(labels, selectors)`."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or []:
        yield from selectors(child)


def labels_of(selector: Any) -> set[str]:
    return {matcher.name for matcher in selector.matchers.matchers}


@pytest.fixture
def exposed(make_store, make_tracked, reactor) -> dict[str, set[str]]:
    """The labels of each metric of the service, once each thing has happened."""
    tracked = make_tracked(make_store(reads_block=True, commits_block=True), position=3)
    tracked.store.stat = lambda: {"cookies": 1, "authenticated": 1, "bytes": 1}
    measured = tracked.tracker.metrics
    for counter in (measured.handshakes, measured.requests, measured.events, measured.faults):
        counter["some"] += 1
    trackers = {json.dumps({"type": "memory"}): tracked.tracker}
    stores: Any = SimpleNamespace(reactor=reactor, trackers=lambda: trackers, away=list)
    request = DummyRequest([b""])
    MetricsResource(stores).render_GET(request)
    reactor.turn_until(lambda: request.finished)
    found = defaultdict(set, {"up": set(OF_TARGETS)})
    for family in text_string_to_metric_families(b"".join(request.written).decode()):
        for sample in family.samples:
            found[sample.name] |= {*sample.labels, *OF_TARGETS}
    return dict(found)


@pytest.mark.parametrize("where", QUERIES)
def test_every_query_asks_for_metrics_and_labels_that_there_are(where, exposed):
    asked = list(selectors(parsed(QUERIES[where])))
    assert asked
    for selector in asked:
        assert selector.name in exposed
        assert labels_of(selector) <= exposed[selector.name]


@pytest.mark.parametrize("where", QUERIES)
def test_what_a_query_groups_by_are_labels_of_what_it_asks_for(where, exposed):
    query = QUERIES[where]
    known = set.intersection(*(exposed[each.name] for each in selectors(parsed(query))))
    for labels in re.findall(r"\bby\s*\(([^)]*)\)", query):
        assert set(labels.replace(" ", "").split(",")) <= known


def test_every_metric_is_on_the_dashboard(exposed):
    asked = {
        selector.name
        for where, query in QUERIES.items()
        if where not in {rule["alert"] for rule in ALERTS}
        for selector in selectors(parsed(query))
    }
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exposed}
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert families - shown == {"up"}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_where_and_what_to_do(rule, exposed):
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert {"summary", "description"} == set(rule["annotations"])
    assert "$labels.instance" in rule["annotations"]["summary"]
    [selector, *_] = selectors(parsed(rule["expr"]))
    words = " ".join(rule["annotations"].values())
    assert set(re.findall(r"\$labels\.(\w+)", words)) <= exposed[selector.name]
    for name in re.findall(r"cookietrack_\w+", words):
        assert name in exposed


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_a_panel_is_of_the_chosen_workers_and_stores(panel):
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        for selector in selectors(parsed(target["expr"])):
            assert labels_of(selector) == {"instance", "store"}


def test_panels_have_their_own_numbers_and_places():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert [pair for pair in combinations(places, 2) if overlap(*pair)] == []


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


def test_the_dashboards_variables_are_of_metrics_that_there_are(exposed):
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert set(variables) == {"datasource", "instance", "store"}
    for name in ("instance", "store"):
        metric, label = re.fullmatch(
            r"label_values\((\w+), (\w+)\)", variables[name]["definition"]
        ).groups()
        assert label == name
        assert label in exposed[metric]


@pytest.mark.parametrize(
    "command",
    [
        ["check", "rules", RULES.name],
        ["check", "config", "prometheus.yml"],
        ["test", "rules", "cookietrack.rules.test.yml"],
    ],
    ids=" ".join,
)
def test_promtool_accepts_it(command):
    if shutil.which("promtool") is None:
        missing("Prometheus's promtool is not installed")
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_tests_of_the_alerts_have_each_of_them():
    tests = yaml.safe_load((FOLDER / "cookietrack.rules.test.yml").read_text())["tests"]
    tested = {each["alertname"] for test in tests for each in test["alert_rule_test"]}
    assert tested == {rule["alert"] for rule in ALERTS}


def test_the_job_of_the_configuration_is_that_of_the_alerts():
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert config["rule_files"] == [RULES.name]
    [job] = config["scrape_configs"]
    assert f'job="{job["job_name"]}"' in QUERIES["CookietrackWorkerDown"]
