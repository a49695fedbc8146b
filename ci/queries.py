"""Queries in monitoring/ that ask for what the module does not say.

Usage: queries.py RULES

Names of metrics and labels are taken from crates/gate/src/status/prometheus.rs, values of labels from where their
words are. The queries of the dashboard are written to RULES, for promtool.
"""

import json
import re
import sys
from pathlib import Path

import yaml

EXPOSITION = "crates/gate/src/status/prometheus.rs"
ALERTS, CASES, DASHBOARD = (
    f"monitoring/{name}" for name in ("alerts.yml", "alerts.test.yml", "grafana-dashboard.json")
)
# Labels that Prometheus itself adds to each series.
TARGET = {"job", "instance"}
KEYWORDS = {"and", "or", "unless", "bool", "offset"}
GROUPING = r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)"

wrong = []


def main():
    metrics = exposition(source(EXPOSITION))
    words = {
        "status": found(r'Self::\w+ => "([a-z_]+)"', source("crates/gate/src/status/count.rs"), "status"),
        "reason": found(r'"([a-z0-9-]+)"', body("crates/gate/src/reason.rs", " fn reply("), "reason"),
        "kind": found(r'tally\("(\w+)"', source("crates/gate/src/status/report.rs"), "kind"),
    }
    rules = [rule for group in yaml.safe_load(source(ALERTS))["groups"] for rule in group["rules"]]
    if not rules:
        sys.exit(f"monitoring: no alert was found in {ALERTS}")
    cases = source(CASES)
    for rule in rules:
        used = check(f"{ALERTS}: {rule['alert']}", rule["expr"], metrics, words)
        for text in rule["annotations"].values():
            known(f"{ALERTS}: {rule['alert']}", re.findall(r"\$labels\.(\w+)", text), used)
        if f'"{rule["alert"]}"' not in cases:
            wrong.append(f"{ALERTS}: no case of {CASES} has {rule['alert']} fire")

    queries = list(of_dashboard())
    if not queries:
        sys.exit(f"monitoring: no query was found in {DASHBOARD}")
    for title, query, legend in queries:
        used = check(f"{DASHBOARD}: {title}", query, metrics, words)
        known(f"{DASHBOARD}: {title}", re.findall(r"{{\s*(\w+)\s*}}", legend), used)
    written = [
        {"record": f"panel:{number}", "expr": query} for number, (_, query, _) in enumerate(queries)
    ]
    Path(sys.argv[1]).write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": written}]}))

    if wrong:
        sys.exit("\n".join(f"monitoring: {line}" for line in wrong))


def source(path):
    """A file without the comments that Rust has."""
    text = Path(path).read_text()
    return re.sub(r"//.*", "", text) if path.endswith(".rs") else text


def body(path, function):
    """A function, up to the brace that closes it."""
    return source(path).partition(function)[2].partition("\n    }\n")[0]


def found(pattern, text, what):
    words = set(re.findall(pattern, text))
    if not words:
        sys.exit(f"monitoring: no {what} was found in the sources; has their form changed? Then ci/queries.py must follow.")
    return words


def exposition(text):
    """The labels of each metric."""
    lists = {
        name: set(re.findall(r'\(\s*"(\w+)",', pairs))
        for name, pairs in re.findall(r"let (\w+) = \[(.*?)\];", text, re.DOTALL)
    }
    metrics, families = {}, set()
    for kind, name, rest in re.findall(r'metrics\.(gauge|counter|tallies|histogram|sample)\(\s*"(\w+)",(.*?)\);', text, re.DOTALL):
        if kind == "histogram":
            families.add(name)
            metrics |= {f"{name}_bucket": {"le"}, f"{name}_sum": set(), f"{name}_count": set()}
        elif kind == "tallies":
            metrics[name] = set(re.findall(r'help, "(\w+)"', rest))
        else:
            reference = re.search(r"&(?!report)(\w+),", rest)
            metrics[name] = lists[reference[1]] if reference else set()
    found(r"(authentik_\w+)", " ".join(metrics), "metric")
    found(r"(\w+)", " ".join(label for labels in metrics.values() for label in labels), "label")
    missed = set(re.findall(r'"(authentik_\w+)"', text)) - set(metrics) - families
    if missed:
        sys.exit(f"monitoring: ci/queries.py does not understand how {EXPOSITION} writes {sorted(missed)}")
    return metrics


def check(where, query, metrics, words):
    """Notes what is wrong in a query; answers all labels that its metrics have."""
    selectors = re.findall(r"([a-zA-Z_:][\w:]*)\s*{([^}]*)}", query)
    for name, matchers in selectors:
        for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', matchers):
            known(where, [label], metrics.get(name, set()))
            for word in value.split("|") if label in words else []:
                pattern = word if "~" in operator else re.escape(word)
                if not any(re.fullmatch(pattern, one) for one in words[label]):
                    wrong.append(f'{where}: there is no {label} "{word}"')
    # Without everything that is not a metric name.
    bare = re.sub(r'{[^}]*}|\[[^\]]*\]|"[^"]*"', " ", query)
    groupings = re.findall(GROUPING, bare)
    bare = re.sub(GROUPING, " ", bare)
    names = set(re.findall(r"(?<![\w.])([a-zA-Z_:][\w:]*)(?!\w|\s*\()", bare)) - KEYWORDS
    if not names:
        wrong.append(f"{where}: the query asks for no metric")
    for name in sorted(names - set(metrics)):
        wrong.append(f"{where}: there is no metric {name}")
    used = set().union(*(metrics.get(name, set()) for name in names))
    for labels in groupings:
        known(where, re.findall(r"\w+", labels), used)
    return used


def known(where, labels, of_metrics):
    for label in labels:
        if label not in of_metrics | TARGET:
            wrong.append(f"{where}: its metrics have no label {label}")


def of_dashboard():
    """Title, query and legend, what Grafana puts in put in."""
    dashboard = json.loads(source(DASHBOARD))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
            yield panel["title"], query, target.get("legendFormat", "")
    for variable in dashboard["templating"]["list"]:
        asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
        if asked:
            yield variable["name"], f"count by ({asked[2]}) ({asked[1]})", ""


main()
